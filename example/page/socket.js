'use strict';
// A worker that has a WebSocket: when it is terminated, the connection is gone without a
// goodbye.
const ws = new WebSocket('socket');
ws.onopen = () => postMessage('open');
ws.onmessage = e => postMessage('got ' + e.data);
ws.onclose = () => postMessage('');

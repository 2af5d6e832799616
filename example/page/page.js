'use strict';
// The experiments: a sentence each, the function of ngx_lua that it answers to, and buttons.
(() => {
const el = (name, text) => { const e = document.createElement(name); if (text) e.textContent = text; return e; };
const took = since => (performance.now() - since).toFixed(0) + ' ms';

// answer says what a request came to.
const answer = async (path, options) => {
  const began = performance.now();
  try {
    const res = await fetch(path, options);
    const text = (await res.text()).trim();
    return res.status + ' after ' + took(began) + (text ? ': ' + text : ', an empty body');
  } catch (e) {
    return (e.name === 'AbortError' ? 'left after ' : 'the connection was dropped after ') + took(began) + ', without an answer';
  }
};

// leaving runs begin with a signal, and gives the two functions to begin and to leave.
const leaving = begin => {
  let control = null;
  return {
    busy: () => control !== null,
    begin: async say => {
      control = new AbortController();
      try { await begin(control.signal, say); } finally { control = null; }
    },
    leave: () => { if (control) control.abort(); },
  };
};
const long = leaving(async (signal, say) => { say('the server works ...'); say(await answer('long', { signal })); });
const stream = leaving(async (signal, say) => {
  try {
    const reader = (await fetch('stream', { signal })).body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) { say('the server has ended it'); return; }
      say('read ' + value.trim().split('\n').pop());
    }
  } catch (e) { say('left in the middle of it'); }
});
const socket = leaving((signal, say) => new Promise(done => {
  const worker = new Worker('socket.js');
  worker.onmessage = e => { if (e.data) { say(e.data); } else { say('closed by the server'); done(); } };
  signal.addEventListener('abort', () => { worker.terminate(); say('dropped, without a goodbye'); done(); });
}));
const upload = leaving((signal, say) => new Promise(done => {
  const x = new XMLHttpRequest(), size = 20 << 20;
  let half = false;
  x.upload.onprogress = e => {
    say((100 * e.loaded / e.total).toFixed(0) + ' % sent');
    if (e.loaded > size / 2 && !half) { half = true; x.abort(); }
  };
  x.onloadend = () => { say(x.status ? x.status + ': ' + x.responseText.trim() : 'stopped after about half of 20 MB'); done(); };
  signal.addEventListener('abort', () => x.abort());
  x.open('POST', 'upload');
  x.send(new Blob([new Uint8Array(size)]));
}));

const once = path => ({ busy: () => false, begin: async say => { say('...'); say(await answer(path)); } });
// What the handler did after its answer is known to the board.
const async = { busy: () => false, begin: async say => {
  const began = Date.now(), answered = await answer('async');
  for (;;) {
    const board = await (await fetch('debug/requests.json')).json();
    const end = board.endings.find(e => e.path === '/async' && e.at >= began - 50);
    if (end && end.outcome.after_ms) { say(answered + '; then it worked for ' + (end.outcome.after_ms / 1000).toFixed(2) + ' s'); return; }
    say(answered + '; it works on, for ' + ((Date.now() - began) / 1000).toFixed(1) + ' s so far');
    await new Promise(done => setTimeout(done, 300));
  }
} };
const list = [
  ['long', 'The client leaves', 'A long request whose handler is told at once that its client has left, and rolls back.', 'ngx.on_abort', [['Begin', long], ['Leave', long, true]]],
  ['exit', 'Exit codes', 'The handler ends its request with one code: a page, or not a single byte (444).', 'ngx.exit', [['404', once('exit/404')], ['503', once('exit/503')], ['444', once('exit/444')]]],
  ['gone', 'A page of its own', 'Status 410 and a page are written first, and exit(200) leaves both as they are.', 'ngx.exit(ngx.OK)', [['Get it', once('gone')]]],
  ['async', 'Answered, and still at work', 'The whole answer is here at once, and the handler works on without a client.', 'ngx.eof', [['Begin', async]]],
  ['deferred', 'Work for later', 'Two tasks run once the response has ended: one at once, one some seconds later.', 'ngx.timer.at', [['Begin', once('deferred')]]],
  ['repeat', 'Work again and again', 'A task runs five times, never twice at once.', 'ngx.timer.every', [['Begin', once('repeat')]]],
  ['fanout', 'Threads', 'Three sources are asked at once; the first answer counts, the others are cancelled.', 'ngx.thread.spawn, wait, kill', [['Ask', once('fanout')]]],
  ['stream', 'A stream that is left', 'The handler is told in the middle of its response that nobody reads it any more.', 'lua_check_client_abort', [['Begin', stream], ['Leave', stream, true]]],
  ['socket', 'A WebSocket that is dropped', 'Also on a hijacked connection the handler is told that its client has gone.', 'ngx.on_abort, on a raw socket', [['Open', socket], ['Drop', socket, true]]],
  ['upload', 'An upload stopped halfway', 'The read of the body fails with an error that says that the client has left.', 'ngx.req.socket', [['Begin', upload], ['Leave', upload, true]]],
  ['slow', 'A timeout', 'The client has its 504 when the time is up, whatever the handler does.', 'none: nginx limits each read and write alone', [['Begin', once('slow')]]],
];
for (const [id, title, sentence, ngx, buttons] of list) {
  const s = el('section'), h = el('h2', title), p = el('p', sentence + ' '), row = el('div'), out = el('output');
  h.id = 'h-' + id;
  s.id = id;
  s.setAttribute('aria-labelledby', h.id);
  p.append(el('code', ngx));
  row.className = 'buttons';
  const all = [];
  const update = () => { for (const [b, one, leave] of all) b.setAttribute('aria-disabled', String(leave ? !one.busy() : one.busy())); }; // disabled would lose the focus
  for (const [text, one, leave] of buttons) {
    const b = el('button', text);
    b.type = 'button';
    b.setAttribute('aria-describedby', h.id);
    b.addEventListener('click', async () => {
      if (b.getAttribute('aria-disabled') === 'true') return;
      if (leave) { one.leave(); return; }
      const running = one.begin(text => { out.textContent = text; });
      update();
      await running;
      update();
    });
    all.push([b, one, leave]);
    row.append(b);
  }
  update();
  s.append(h, p, row, out);
  document.getElementById('experiments').append(s);
}
})();

// Package thirdparty has no code: its tests show that package abort works for
// a connection that a WebSocket library has hijacked, on TCP and TLS, and that
// the library does not notice.
package thirdparty

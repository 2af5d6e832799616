// Package programs has no code: its tests are programs as users of lastbyte write
// them, each with the test of what it promises. Others are in example/plain and in
// the modules of internal/thirdparty, where they need a database, a WebSocket
// library or a framework.
package programs

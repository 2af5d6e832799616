// Package pipenet lets a test run a real http.Server and a real
// http.Transport inside a [testing/synctest] bubble.
//
// A bubble's clock stands still while a goroutine waits for a socket, so the
// connections here are made of memory: [Pipe] is a connected pair with a
// bounded window, deadlines, half-close and reset, in which every wait is one
// that a bubble recognises. [Run] gives a test body one bubble per protocol,
// [Start] serves a handler in it:
//
//	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
//		s := pipenet.Start(t, p, handler)
//		call := s.Begin(s.NewRequest("GET", "/", nil))
//		synctest.Wait() // the handler is at work
//		call.Cancel()   // and its client leaves
//		synctest.Wait()
//		...
//	})
//
// # Limits
//
// A Conn has no file descriptor: what asks the kernel about a socket learns
// nothing here, unless it asks a [Teller]. Close never turns into a reset, even with
// bytes unread.
package pipenet

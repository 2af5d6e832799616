// Package neighbours has no code: its tests serve the connections of other
// people's listeners, and requests of golang.org/x/net/http2/h2c.
package neighbours

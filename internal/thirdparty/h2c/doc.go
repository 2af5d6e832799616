// Package thirdparty has no code: its tests serve the requests of
// golang.org/x/net/http2/h2c.
package thirdparty

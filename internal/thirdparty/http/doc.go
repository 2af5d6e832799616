// Package thirdparty has no code: its tests put lastbyte next to the
// middlewares and libraries that it shares a server with, outside and inside of
// each, on HTTP/1 and HTTP/2.
package thirdparty

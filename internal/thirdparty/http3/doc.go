// Package thirdparty has no code: its tests end requests of quic-go's HTTP/3
// server in every way.
package thirdparty

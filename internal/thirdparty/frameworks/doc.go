// Package thirdparty has no code: its tests show how lastbyte stands around web
// frameworks whose handlers do not have net/http's signature.
package thirdparty

// Package stress has no code: its tests, chaos and soak, have many clients at
// once use and misuse a server with all of lastbyte over real sockets, and then
// count. LASTBYTE_CHAOS and LASTBYTE_SOAK make them longer.
package stress

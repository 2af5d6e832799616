package nethttp

// LostPing is what the HTTP/2 server says to HTTP2Config.CountError when a client
// has not answered its ping in time, before it closes the connection
// (handlePingTimer in h2_bundle.go).
const LostPing = "conn_close_lost_ping"

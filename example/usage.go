package main

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// commands are the curl commands to try.
const commands = `Listening on URL for HTTP/1.1 and unencrypted HTTP/2. Ctrl-C drains.
Open URL/ in a browser, or try with curl:

The client leaves: press Ctrl-C in curl within LONG.
  curl URL/long
Phases, as in nginx: exit(0) continues with the next phase, exit(403) stops.
  curl -i 'URL/phases?user=bob'
  curl -i 'URL/phases?user=mallory'
The handler writes status and page, then calls exit(200).
  curl -i URL/gone
Exit with a page, and without a single byte.
  curl -i URL/exit/404
  curl -i URL/exit/444
The response is complete, and its handler keeps running for WORK. The second
request uses the same connection and is answered at once.
  curl -w 'port %{local_port}, %{time_total}s\n' URL/async URL/async
Work after the response: at once, and WORK later.
  curl URL/deferred
Threads: the first answer counts, and the others are cancelled.
  curl URL/fanout
A task that runs five times.
  curl URL/repeat
A stream, and an upload of 20 MB: press Ctrl-C in curl.
  curl -N URL/stream
  head -c 20000000 /dev/zero | curl -T - -X POST URL/upload
A limit of LIMIT.
  curl -i URL/slow
A WebSocket, for a client that speaks it: URL/socket
How requests end; the same is a page for browsers.
  curl URL/debug/requests
  curl URL/debug/requests.json
The probe of a load balancer.
  curl -i URL/ready
Metrics for Prometheus are a module of their own, and so is a program with them:
  cd metrics && go run ./example

Each also works with curl --http2-prior-knowledge; a curl before 8.0 then fails
at the second request of a command (curl/curl#10643). The log is on stderr.
`

func usage(w io.Writer, url string, s settings) {
	r := strings.NewReplacer("URL", url, "LONG", s.long.String(), "WORK", s.work.String(), "LIMIT", s.limit.String())
	fmt.Fprintln(w, r.Replace(commands))
}

// baseURL returns the URL by which a client on this machine reaches addr.
func baseURL(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://localhost:%d", tcp.Port)
	}
	return "http://" + addr.String()
}

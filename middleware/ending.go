package middleware

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/route"
)

// Ending says who brought the end of a response about. The board and the metrics group
// by it.
type Ending uint8

// The endings. Of a response to which several apply it is the last of those in this
// list: a handler that exits once its client has left is ByClient.
const (
	ByHandler Ending = iota // the handler returned
	ByExit                  // an exit
	ByClient                // the client left
	BySend                  // eof.Send
	ByPanic                 // a panic of the handler
)

// String returns handler, exit, client, send or panic.
func (e Ending) String() string {
	switch e {
	case ByHandler:
		return "handler"
	case ByExit:
		return "exit"
	case ByClient:
		return "client"
	case BySend:
		return "send"
	case ByPanic:
		return "panic"
	}
	return "unknown"
}

// Ending returns who brought the end of the response about. It is for the Outcome of
// OnEnd and OnDone; that of a request at work says who did so far.
func (o Outcome) Ending() Ending {
	return endingOf(o.Panicked, o.EOF > 0, o.Abort != nil, o.Exited)
}

func endingOf(panicked, sent, aborted, exited bool) Ending {
	switch {
	case panicked:
		return ByPanic
	case sent:
		return BySend
	case aborted:
		return ByClient
	case exited:
		return ByExit
	}
	return ByHandler
}

// Route returns the pattern that was matched for r, which is the request of an
// [Observer]: chi's, or that of an http.ServeMux without its method; "" if there is
// none. A program has only so many of them, whatever its clients ask for, so it suits
// as a label of metrics and as a name of spans. It is the route of the log line.
func Route(r *http.Request) string { return route.Known(r.Context(), r) }

// tellEnd tells all of them, in order, each whatever the others do. inside is the request
// for all of them, nil before one has wanted it.
func (l *Lifecycle) tellEnd(all []*Observer, r *request.Request, end *request.Outcome, inside **http.Request) {
	switch len(all) {
	case 0:
	case 1:
		l.tellEndTo(all[0], r, end, inside)
	default:
		defer l.tellEnd(all[1:], r, end, inside)
		l.tellEndTo(all[0], r, end, inside)
	}
}

func (l *Lifecycle) tellEndTo(one *Observer, r *request.Request, end *request.Outcome, inside **http.Request) {
	if one.OnEnd == nil {
		return
	}
	if one.Want != nil && !one.Want(endingOf(end.Panicked, end.EOF > 0, end.Abort != nil, end.Exit != nil), end.Ended()) {
		return
	}
	if *inside == nil {
		*inside = r.Inside()
	}
	out := known(end)
	out.Start = l.observers.clock.Start(end)
	one.OnEnd(*inside, out)
}

// Command chat is a room of WebSockets. docs/websockets.md is its guide.
package main

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/coder/websocket"
	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := middleware.New(middleware.Options{Slog: slog.Default()})
	room := life.Handler(&chat{members: map[*websocket.Conn]bool{}})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := life.ListenAndServe(ctx, &http.Server{Addr: ":8080", Handler: room}); err != nil {
		log.Fatal(err)
	}
}

// chat is a room, with github.com/coder/websocket: everybody hears
// what the others say, who has left and how, and is told when the server shuts down.
type chat struct {
	mu      sync.Mutex
	members map[*websocket.Conn]bool
}

func (c *chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, name := r.Context(), r.URL.Query().Get("name")
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	stop := eof.OnDrain(ctx, func(context.Context) { _ = conn.Close(websocket.StatusGoingAway, "") })
	defer stop()
	c.set(conn, true)
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			c.set(conn, false)
			how := "left"
			if e, ok := abort.Cause(ctx); ok {
				how = "was lost: " + string(e.Reason)
			}
			// Not with the request's context, which has ended if the client has left.
			c.say(context.WithoutCancel(ctx), conn, name+" "+how)
			return
		}
		c.say(ctx, conn, name+": "+string(text))
	}
}

func (c *chat) set(conn *websocket.Conn, here bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if here {
		c.members[conn] = true
	} else {
		delete(c.members, conn)
	}
}

// say tells everybody but from. A member that cannot be written to has its own end.
func (c *chat) say(ctx context.Context, from *websocket.Conn, text string) {
	c.mu.Lock()
	var others []*websocket.Conn
	for m := range c.members {
		if m != from {
			others = append(others, m)
		}
	}
	c.mu.Unlock()
	for _, m := range others {
		_ = m.Write(ctx, websocket.MessageText, []byte(text))
	}
}

package conn_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// On a server with both protocols, the socket of an HTTP/2 connection alone is asked each
// time the connection is idle, and not by what a request says of itself.
func TestConn_IsLookedAt(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		looked := make(chan bool, 1)
		s := pipenet.Start(t, p, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			r.ProtoMajor = 3 - r.ProtoMajor
			looked <- conn.IsLookedAt(conn.Of(r.Context()))
		}), func(srv *http.Server) {
			srv.Protocols.SetUnencryptedHTTP2(true)
			h := conn.NewHook(conn.KnowServer(srv))
			srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
				ctx, c := conn.With(ctx, nc)
				h.Expect(c)
				return ctx
			}
			h.Install(srv)
		})
		res, err := s.Get("/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		synctest.Wait()
		if got, want := <-looked, p == pipenet.HTTP2; got != want {
			t.Errorf("an idle connection of %s is looked at: %v, want %v", p, got, want)
		}
	})
}

package request_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
)

// A Send beside the handler has won, and is not through with the response, when
// the handler ends. That must not let ServeHTTP return under it.
func TestSend_HandlerEndsMeanwhile(t *testing.T) {
	for name, end := range map[string]func(){
		"return": func() {},
		"panic":  func() { panic("on purpose") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := newWorld(t, bitDetach|bitCheck|bitBody)
				within, resume := make(chan struct{}), make(chan struct{})
				w.wire.hold = func() {
					w.wire.hold = nil
					close(within)
					<-resume
				}
				sent := make(chan error, 1)
				go func() { sent <- eof.Send(w.handler.ctx) }()
				<-within
				_ = w.last(w.handler, end)
				if w.returned {
					t.Error("ServeHTTP has returned, want it to wait for Send")
				}
				close(resume)
				if err := <-sent; err != nil {
					t.Errorf("Send() = %v, want nil", err)
				}
				synctest.Wait()
				if err := w.wire.found(); err != nil || !w.returned {
					t.Errorf("wrong use of the writer: %v; ServeHTTP has returned: %t, want none, true", err, w.returned)
				}
				if len(w.outcomes) != 1 || w.outcomes[0].EOF == 0 || w.outcomes[0].Panicked {
					t.Errorf("Outcomes = %+v, want one, by Send", w.outcomes)
				}
				if err := w.life.Shutdown(context.Background()); err != nil {
					t.Errorf("Shutdown() = %v, want nil", err)
				}
				if st := w.life.Stats(); st.EOFs != 1 || st.Background.Detached != 0 {
					t.Errorf("Stats() = %+v, want one end by Send, nothing at work", st)
				}
			})
		})
	}
}

package aborttest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// failing is a test that keeps its failures. Its clean-ups and its context are those of
// the test around it.
type failing struct {
	testing.TB
	said []string
}

type stopped struct{} // what Fatal panics with

func (f *failing) Helper()                   {}
func (f *failing) Errorf(s string, a ...any) { f.said = append(f.said, fmt.Sprintf(s, a...)) }
func (f *failing) Fatalf(s string, a ...any) { f.Errorf(s, a...); panic(stopped{}) }
func (f *failing) Fatal(a ...any)            { f.Fatalf("%s", fmt.Sprint(a...)) }

// A failure says what was waited for, and what happened instead.
func TestCall_Failures(t *testing.T) {
	quick := func(http.ResponseWriter, *http.Request) {}
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		o    aborttest.Options
		do   func(c *aborttest.Client)
		want string
	}{
		{"Outcome", func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Hour) }, aborttest.Options{}, func(c *aborttest.Client) {
			call := c.Get("/report")
			time.Sleep(2 * time.Second)
			call.Leave(aborttest.Close)
			call.Outcome()
		}, `waited 1h0m0s for the outcome of GET /report; what happened:\n\t0s: the handler was called\n\t2s: the client left: close`},
		{"Response", waits, aborttest.Options{Limit: time.Minute}, func(c *aborttest.Client) { c.Get("/").Response() },
			`waited 1m0s for the end of the response of GET /; what happened:\n\t0s: the handler was called$`},
		{"Header", waits, aborttest.Options{}, func(c *aborttest.Client) { c.Get("/").Header() }, `for the header of the response of GET /;`},
		{"Body", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "four") }, aborttest.Options{}, func(c *aborttest.Client) { c.Get("/").Body(5) },
			`Body\(5\) of GET /: the response had 4 bytes; what happened:(\n.*)+the client has the whole response`},
		{"Done", func(_ http.ResponseWriter, r *http.Request) { eof.Send(r.Context()); time.Sleep(2 * time.Hour) }, aborttest.Options{Detach: true},
			func(c *aborttest.Client) { c.Get("/").Done() }, `Done of GET /: waited 1h0m0s, and there is still the handler at work;`},
		{"Done, a task", func(_ http.ResponseWriter, r *http.Request) {
			eof.After(r.Context(), 2*time.Hour, func(context.Context) {})
		}, aborttest.Options{}, func(c *aborttest.Client) { c.Get("/").Done() }, `there is still the task "GET", running: false;`},
		{"no Lifecycle", quick, aborttest.Options{Lifecycle: middleware.New(middleware.Options{})}, func(c *aborttest.Client) { c.Get("/").Outcome() },
			`Options.Lifecycle, whose Handler or Detach has to stand around it, knows nothing`},
		{"no such way", waits, aborttest.Options{}, func(c *aborttest.Client) { c.Get("/").Leave("politely") }, `Leave\("politely"\): there is no such way`},
		{"no handler", nil, aborttest.Options{}, func(*aborttest.Client) {}, `there is no handler`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &failing{TB: t}
				c.o.Protocols = []aborttest.Protocol{aborttest.HTTP1}
				func() {
					defer func() {
						if v := recover(); v != nil && v != (stopped{}) {
							panic(v)
						}
					}()
					var h http.Handler
					if c.h != nil {
						h = c.h
					}
					c.do(aborttest.Start(f, c.o, h))
				}()
				if len(f.said) != 1 || !regexp.MustCompile(c.want).MatchString(f.said[0]) || !strings.HasPrefix(f.said[0], "aborttest: ") {
					t.Errorf("said %q, want %q", f.said, c.want)
				}
			})
		})
	}
}

// What a connection or a protocol does not have is said at once.
func TestCall_OtherProtocol(t *testing.T) {
	aborttest.Run(t, http.HandlerFunc(waits), func(t *testing.T, c *aborttest.Client) {
		f := &failing{TB: t}
		defer func() {
			if v := recover(); v != (stopped{}) || len(f.said) != 1 {
				t.Errorf("panic %v, said %q, want one failure", v, f.said)
			}
		}()
		own := aborttest.Start(f, aborttest.Options{Protocols: []aborttest.Protocol{c.Protocol()}}, http.HandlerFunc(waits))
		call := own.Get("/")
		if c.Protocol() == aborttest.HTTP1 {
			call.Leave(aborttest.StreamReset)
		}
		call.Send("G")
	})
}

func TestOptions_Misuse(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]aborttest.Options{
		"protocol": {Protocols: []aborttest.Protocol{"http3"}},
		"limit":    {Limit: -1},
	} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.HasPrefix(v, "aborttest: Options.") {
					t.Errorf("%s: panic %q, want one that names the option", name, v)
				}
			}()
			aborttest.Start(t, o, http.NotFoundHandler())
		}()
	}
}

// An empty list of protocols is none: both are spoken, and no test passes because it did
// not run.
func TestOptions_EmptyProtocols(t *testing.T) {
	var spoken []aborttest.Protocol
	aborttest.RunWith(t, aborttest.Options{Protocols: []aborttest.Protocol{}}, http.NotFoundHandler(), func(_ *testing.T, c *aborttest.Client) {
		spoken = append(spoken, c.Protocol())
	})
	if len(spoken) != 2 {
		t.Errorf("the test has run on %q, want both protocols", spoken)
	}
}

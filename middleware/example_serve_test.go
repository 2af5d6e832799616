package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// textLog is a logger whose lines have no time.
func textLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "duration_ms" {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func ExampleLifecycle_Serve() {
	life := middleware.New(middleware.Options{
		Last: func(context.Context) error { return errors.New("closing the database: on purpose") },
	})
	answered := make(chan struct{})
	srv := &http.Server{Handler: life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "got the task!")
		if eof.Send(r.Context()) == nil {
			<-answered
			fmt.Println("task done") // a drain waits for it
		}
	}))}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, sigterm := context.WithCancel(context.Background())
	go func() {
		res, err := http.Get("http://" + ln.Addr().String())
		if err == nil {
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			fmt.Printf("%q\n", body)
		}
		http.DefaultClient.CloseIdleConnections()
		sigterm()
		close(answered)
	}()
	fmt.Println(life.Serve(ctx, srv, ln))
	// Output:
	// "got the task!"
	// task done
	// closing the database: on purpose
}

func ExampleLifecycle_ListenAndServe() {
	life := middleware.New(middleware.Options{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", life.Ready)
	mux.Handle("GET /report", life.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "the report")
	})))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)              // a second signal ends the process at once
	time.AfterFunc(10*time.Millisecond, stop) // stands for a signal
	fmt.Println("nothing was given up:", life.ListenAndServe(ctx, &http.Server{Addr: "127.0.0.1:0", Handler: mux}) == nil)
	// Output: nothing was given up: true
}

func ExampleLifecycle_Ready() {
	life := middleware.New(middleware.Options{Lag: 100 * time.Millisecond})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", life.Ready)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	probe := func() {
		if res, err := http.Get("http://" + ln.Addr().String() + "/ready"); err == nil {
			res.Body.Close()
			fmt.Println(res.Status)
		}
	}
	ctx, sigterm := context.WithCancel(context.Background())
	go func() {
		probe()
		sigterm()
	}()
	_ = life.Serve(ctx, &http.Server{Handler: mux}, ln) // nothing is given up
	rec := httptest.NewRecorder()
	life.Ready(rec, httptest.NewRequest("GET", "/ready", nil))
	fmt.Println(rec.Code)
	// Output:
	// 200 OK
	// 503
}

func ExampleLifecycle_Observe() {
	life := middleware.New(middleware.Options{})
	stop := life.Observe(middleware.Observer{
		OnEnd: func(r *http.Request, o middleware.Outcome) { fmt.Println("counted:", r.Pattern, o.Status) },
	})
	defer stop()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	serve(life, life.Handler(mux))
	// Output:
	// counted: GET / 200
	// 200 "hello"
}

func ExampleObserver() {
	life := middleware.New(middleware.Options{})
	done := make(chan struct{})
	life.Observe(middleware.Observer{
		OnEnd:  func(_ *http.Request, o middleware.Outcome) { fmt.Println("response:", o.Status) },
		OnTask: func(i eof.Item, _ time.Duration) { fmt.Println(i.Kind, i.Name); close(done) },
	})
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Defer(r.Context(), func(context.Context) {})
	})))
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	<-done
	// Output:
	// response: 200
	// task GET /{$}
}

func ExampleLifecycle_Requests() {
	life := middleware.New(middleware.Options{})
	mux := http.NewServeMux()
	mux.Handle("GET /item/{id}", life.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for r := range life.Requests() { // this one, and those beside it
			fmt.Println(r.Method, r.Route, r.Path)
		}
	})))
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/item/7", nil))
	// Output: GET /item/{id} /item/7
}

func ExampleLifecycle_Background() {
	life := middleware.New(middleware.Options{Background: eof.Options{Pending: 10}})
	fmt.Println(life.Background().Stats().Pending)
	// Output: 0
}

func ExampleSetAttrs() {
	life := middleware.New(middleware.Options{Slog: textLog()})
	serve(life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		middleware.SetAttrs(r.Context(), slog.String("tenant", "acme"), slog.Int("rows", 7))
		fmt.Fprint(w, "seven")
	})))
	// Output:
	// level=INFO msg=request method=GET path=/ proto=HTTP/1.1 status=200 sent=200 size=5 tenant=acme rows=7
	// 200 "seven"
}

func ExampleOptions_skip() {
	life := middleware.New(middleware.Options{
		Slog: textLog(),
		Skip: func(r *http.Request, o middleware.Outcome) bool { return r.URL.Path == "/ready" && o.Status == 200 },
	})
	h := life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" {
			_ = exitcode.Exit(r.Context(), 503)
		}
	}))
	for _, path := range []string{"/ready", "/report"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	// Output: level=ERROR msg=request method=GET path=/report proto=HTTP/1.1 status=503 sent=503 size=24 exit=503
}

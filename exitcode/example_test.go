package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
)

// show serves h and prints the response to a GET for path.
func show(h http.Handler, path string) {
	srv := httptest.NewServer(h)
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL + path)
	if err != nil {
		fmt.Println("no answer")
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		fmt.Println("cut off after", len(body), "bytes")
		return
	}
	fmt.Printf("%d %s %q\n", res.StatusCode, res.Header.Get("Content-Type"), body)
}

func ExampleExit() {
	late := make(chan string, 1)
	h := exitcode.New(exitcode.Options{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bot" {
			exitcode.Exit(r.Context(), exitcode.Close) // the client gets no byte
			return
		}
		exitcode.Exit(r.Context(), 404)
		_, err := fmt.Fprintln(w, "too late")
		late <- fmt.Sprint(errors.Is(err, exitcode.ErrExited), " ", context.Cause(r.Context()))
	}))
	show(h, "/bot")
	show(h, "/")
	fmt.Println(<-late)
	// Output:
	// no answer
	// 404 text/plain; charset=utf-8 "404 Not Found\n"
	// true exit 404 Not Found
}

func ExampleTimeout() {
	report := exitcode.Timeout(time.Millisecond, 504)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // the query behind it has this context
		fmt.Println(r.Context().Err(), "/", context.Cause(r.Context()))
	}))
	events := exitcode.Timeout(time.Minute, 504)(exitcode.Timeout(0, 504)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, limited := r.Context().Deadline() // the limit outside is lifted
		fmt.Fprint(w, "limited: ", limited)
	})))
	show(report, "/report")
	show(events, "/events")
	// Output:
	// context deadline exceeded / exit 504 Gateway Timeout
	// 504 text/plain; charset=utf-8 "504 Gateway Timeout\n"
	// 200 text/plain; charset=utf-8 "limited: false"
}

func ExampleThrow() {
	load := func(ctx context.Context, id string) string {
		if id == "" {
			exitcode.Throw(ctx, 400) // does not return
		}
		return "item " + id
	}
	h := exitcode.New(exitcode.Options{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, load(r.Context(), r.FormValue("id")))
	}))
	show(h, "/?id=7")
	show(h, "/")
	// Output:
	// 200 text/plain; charset=utf-8 "item 7"
	// 400 text/plain; charset=utf-8 "400 Bad Request\n"
}

func ExamplePhase() {
	authenticate := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
		if r.FormValue("token") != "secret" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			return 401
		}
		return exitcode.OK
	})
	h := authenticate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "come in")
	}))
	show(h, "/")
	show(h, "/?token=secret")
	// Output:
	// 401 text/plain; charset=utf-8 "401 Unauthorized\n"
	// 200 text/plain; charset=utf-8 "come in"
}

func ExampleRewrite() {
	type userKey struct{}
	authenticate := exitcode.Rewrite(func(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
		token := r.FormValue("token")
		if token == "" {
			return nil, &exitcode.ExitError{Code: 401, Detail: "A token is missing."}
		}
		return r.WithContext(context.WithValue(r.Context(), userKey{}, "owner of "+token)), nil
	})
	h := authenticate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello, ", r.Context().Value(userKey{}))
	}))
	show(h, "/")
	show(h, "/?token=secret")
	// Output:
	// 401 text/plain; charset=utf-8 "401 Unauthorized\nA token is missing.\n"
	// 200 text/plain; charset=utf-8 "hello, owner of secret"
}

func ExampleRecover() {
	h := exitcode.Recover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names := strings.Fields(r.FormValue("name"))
		fmt.Fprint(w, "hello, ", names[0]) // panics without a name; the log has it, with its stack
	}))
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	show(h, "/")
	// Output:
	// 500 text/plain; charset=utf-8 "500 Internal Server Error\n"
}

func ExampleHeaderFilter() {
	filter := exitcode.HeaderFilter(func(r *http.Request, status int, h http.Header) exitcode.Code {
		if h.Get("X-Internal") != "" {
			return 403 // instead of what the handler wrote
		}
		h.Set("Content-Type", "text/x-filtered")
		return exitcode.OK
	})
	h := filter(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/internal" {
			w.Header().Set("X-Internal", "yes")
		}
		fmt.Fprint(w, "hello")
	}))
	show(h, "/")
	show(h, "/internal")
	// Output:
	// 200 text/x-filtered "hello"
	// 403 text/plain; charset=utf-8 "403 Forbidden\n"
}

func ExampleHandler() {
	errGone := fmt.Errorf("item 7 was sold: %w", exitcode.Code(410).Err())
	h := exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/7" {
			return errGone
		}
		_, err := fmt.Fprint(w, "in stock")
		return err
	})
	show(h, "/7")
	show(h, "/8")
	// Output:
	// 410 text/plain; charset=utf-8 "410 Gone\n"
	// 200 text/plain; charset=utf-8 "in stock"
}

func ExampleNew() {
	settings := exitcode.New(exitcode.Options{
		ErrorPage: func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<h1>%v</h1>", code)
		},
	})
	h := settings(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exitcode.Exit(r.Context(), 503)
	}))
	show(h, "/")
	// Output:
	// 503 text/html "<h1>503 Service Unavailable</h1>"
}

func ExamplePlainText() {
	w := httptest.NewRecorder()
	exitcode.PlainText(w, httptest.NewRequest("GET", "/", nil), 404)
	io.Copy(os.Stdout, w.Body)
	// Output:
	// 404 Not Found
}

func ExampleProblemJSON() {
	settings := exitcode.New(exitcode.Options{ErrorPage: exitcode.ProblemJSON})
	h := settings(exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return &exitcode.ExitError{Code: 409, Detail: "The name is taken.", Err: errors.New("users_name_key")}
	}))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("PUT", "/users/7", nil))
	io.Copy(os.Stdout, rec.Body)
	// Output:
	// {"type":"about:blank","title":"Conflict","status":409,"detail":"The name is taken.","instance":"/users/7"}
}

func ExampleFrom() {
	audit := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if code, ok := exitcode.From(r.Context()); ok {
				fmt.Println(r.URL.Path, "exited with", code)
			}
		})
	}
	h := exitcode.New(exitcode.Options{})(audit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			exitcode.Exit(r.Context(), exitcode.Close)
		}
	})))
	show(h, "/")
	show(h, "/wp-login.php")
	// Output:
	// 200  ""
	// /wp-login.php exited with 444 Close
	// no answer
}

func ExampleExitWith() {
	h := exitcode.New(exitcode.Options{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := &exitcode.ExitError{Code: 404, Detail: "There is no such task.", Err: errors.New("no row in tasks_7")}
		if err := exitcode.ExitWith(r.Context(), err); err != nil {
			fmt.Println(err)
		}
	}))
	show(h, "/")
	// Output:
	// 404 text/plain; charset=utf-8 "404 Not Found\nThere is no such task.\n"
}

func ExampleCause() {
	settings := exitcode.New(exitcode.Options{
		ErrorPage: func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
			if e, ok := exitcode.Cause(r.Context()); ok {
				fmt.Fprintf(w, "<h1>%v</h1><p>%s</p>", code, html.EscapeString(e.Detail))
			}
		},
	})
	h := settings(exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return &exitcode.ExitError{Code: 403, Detail: "Ask <admin> first."}
	}))
	show(h, "/")
	// Output:
	// 403 text/html; charset=utf-8 "<h1>403 Forbidden</h1><p>Ask &lt;admin&gt; first.</p>"
}

func ExampleExitError() {
	err := fmt.Errorf("import: %w", &exitcode.ExitError{Code: 422, Detail: "Line 7 has no date.", Err: io.ErrUnexpectedEOF})
	fmt.Println(err)
	fmt.Println(exitcode.Of(err))
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// import: exit 422 Unprocessable Entity: unexpected EOF
	// 422 Unprocessable Entity true
	// true
}

func ExampleOf() {
	err := fmt.Errorf("load profile: %w", exitcode.Code(404).Err())
	fmt.Println(exitcode.Of(err))
	fmt.Println(exitcode.Of(io.ErrUnexpectedEOF))
	// Output:
	// 404 Not Found true
	// 0 OK false
}

func ExampleCode_Err() {
	err := exitcode.Code(403).Err()
	fmt.Println(err)
	fmt.Println(errors.Is(err, &exitcode.ExitError{Code: 403}))
	fmt.Println(exitcode.OK.Err())
	// Output:
	// exit 403 Forbidden
	// true
	// <nil>
}

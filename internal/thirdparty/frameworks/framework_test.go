package thirdparty_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// call is what a handler of either framework works with.
type call struct {
	ctx  context.Context // for lastbyte's verbs
	w    http.ResponseWriter
	id   func() string // the route's parameter, asked of the framework's context
	self any           // the framework's context, a pointer
	text func(status int, s string) error
}

// framework serves h for GET /{id} with its recoverer around it. adapted puts a
// middleware of net/http's kind inside, by an adapter.
type framework struct {
	name    string
	serve   func(h func(call)) http.Handler
	adapted func(wrap func(http.Handler) http.Handler, h func(call)) http.Handler
}

var frameworks = []framework{
	{"gin", func(h func(call)) http.Handler { return newGin(h) }, adaptedGin},
	{"gin, its Context as context", func(h func(call)) http.Handler {
		return newGin(func(c call) {
			c.ctx = c.self.(*gin.Context) // ContextWithFallback
			h(c)
		})
	}, adaptedGin},
	{"echo", func(h func(call)) http.Handler { return newEcho(h) }, adaptedEcho},
}

func init() { gin.SetMode(gin.ReleaseMode) }

func newGin(h func(call), use ...gin.HandlerFunc) *gin.Engine {
	e := gin.New()
	e.ContextWithFallback = true
	e.Use(gin.RecoveryWithWriter(io.Discard))
	e.Use(use...)
	e.GET("/:id", func(c *gin.Context) {
		h(call{c.Request.Context(), c.Writer, func() string { return c.Param("id") }, c, func(status int, s string) error {
			c.String(status, "%s", s)
			return nil
		}})
	})
	return e
}

// adaptedGin is what gin's users write for a middleware of net/http's kind.
func adaptedGin(wrap func(http.Handler) http.Handler, h func(call)) http.Handler {
	return newGin(h, func(c *gin.Context) {
		wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
	})
}

func newEcho(h func(call), use ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(echomiddleware.Recover())
	e.Use(use...)
	e.GET("/:id", func(c echo.Context) error {
		h(call{c.Request().Context(), c.Response(), func() string { return c.Param("id") }, c, c.String})
		return nil
	})
	return e
}

// adaptedEcho uses echo's own adapter.
func adaptedEcho(wrap func(http.Handler) http.Handler, h func(call)) http.Handler {
	return newEcho(h, echo.WrapMiddleware(wrap))
}

// each runs body for both frameworks and protocols, in bubbles.
func each(t *testing.T, body func(t *testing.T, p pipenet.Proto, f framework)) {
	t.Helper()
	for _, f := range frameworks {
		t.Run(f.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { body(t, p, f) })
		})
	}
}

// lifecycle gives a Lifecycle that is shut down with the test, and what it
// records.
func lifecycle(t *testing.T) (*middleware.Lifecycle, <-chan middleware.Outcome) {
	t.Helper()
	ended := make(chan middleware.Outcome, 64)
	life := middleware.New(middleware.Options{
		OnEnd:      func(_ *http.Request, o middleware.Outcome) { ended <- o },
		Background: eof.Options{OnPanic: func(v any, _ []byte) { t.Errorf("a panic: %v", v) }},
	})
	t.Cleanup(func() {
		if err := life.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	return life, ended
}

// ways are those of lastbyte around an engine.
var ways = []struct {
	name string
	wrap func(*middleware.Lifecycle, http.Handler) http.Handler
}{
	{"Handler", (*middleware.Lifecycle).Handler},
	{"Detach", (*middleware.Lifecycle).Detach},
}

// get gives the answer to a GET of path, status 0 if there is none.
func get(s *pipenet.Server, path string) (status int, body string) {
	res, err := s.Get(path)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, string(b)
	}
	return res.StatusCode, string(b)
}

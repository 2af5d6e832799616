// Command service is the same service in gin and in echo. docs/frameworks.md is its guide.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/gin-gonic/gin"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	s := store{
		query: func(context.Context) (string, error) { return "the report", nil },
		index: func(context.Context, string) error { return nil },
	}
	life := middleware.New(middleware.Options{Slog: slog.Default()})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)                                            // a second signal ends the process at once
	srv := &http.Server{Addr: ":8080", Handler: life.Detach(ginService(s))} // or echoService; around the engine
	if err := life.ListenAndServe(ctx, srv); err != nil {
		log.Fatal(err)
	}
}

// store is what the services below work with.
type store struct {
	query func(ctx context.Context) (string, error)    // takes a minute, or as long as ctx lives
	index func(ctx context.Context, name string) error // the same
}

// newService makes a service with gin or echo: GET /report stops when its client leaves,
// POST /tasks/:name responds, and keeps running.
type newService func(store) http.Handler

func ginService(s store) http.Handler {
	e := gin.New()
	e.Use(gin.RecoveryWithWriter(io.Discard), func(c *gin.Context) {
		c.Request.Pattern = c.FullPath()
		c.Next()
		if err := c.Errors.Last(); err != nil {
			_ = exitcode.ExitWith(c.Request.Context(), err.Err)
		}
	})
	e.GET("/report", func(c *gin.Context) {
		text, err := s.query(c.Request.Context())
		if err != nil {
			_ = c.Error(err)
			return
		}
		c.String(http.StatusOK, text)
	})
	e.POST("/tasks/:name", func(c *gin.Context) {
		c.String(http.StatusAccepted, "got the task!")
		err := eof.Send(c.Request.Context())
		if err == nil {
			err = s.index(c.Request.Context(), c.Param("name"))
		}
		if err != nil {
			_ = c.Error(fmt.Errorf("index of %s: %w", c.Param("name"), err))
		}
	})
	return e
}

package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// echoService is the same with echo.
func echoService(s store) http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if he, ok := errors.AsType[*echo.HTTPError](err); ok { // echo's own: 404, 405 and the like
			err = &exitcode.ExitError{Code: exitcode.Code(he.Code), Err: err}
		}
		_ = exitcode.ExitWith(c.Request().Context(), err)
	}
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Request().Pattern = c.Path()
			return next(c)
		}
	})
	e.GET("/report", func(c echo.Context) error {
		text, err := s.query(c.Request().Context())
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, text)
	})
	e.POST("/tasks/:name", func(c echo.Context) error {
		err := c.String(http.StatusAccepted, "got the task!")
		if err == nil {
			err = eof.Send(c.Request().Context())
		}
		if err == nil {
			err = s.index(c.Request().Context(), c.Param("name"))
		}
		if err != nil {
			return fmt.Errorf("index of %s: %w", c.Param("name"), err)
		}
		return nil
	})
	return e
}

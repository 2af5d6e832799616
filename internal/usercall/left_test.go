package usercall_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// nilError is an error whose methods fail where it is a nil pointer.
type nilError struct{ text string }

func (e *nilError) Error() string   { return e.text }
func (e *nilError) Is(error) bool   { return e.text == "" }
func (e *nilError) Unwrap() []error { return []error{errors.New(e.text)} }

// Every way in which a function can be left is told apart from the others.
func TestRun_Left(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		f     func()
		notes int // of Throws
		want  usercall.How
	}{
		{"return", func() {}, 1, usercall.ByReturn},
		{"Throw", func() { panic(http.ErrAbortHandler) }, 1, usercall.ByThrow},
		{"Throw, wrapped", func() { panic(fmt.Errorf("in a group: %w", http.ErrAbortHandler)) }, 1, usercall.ByThrow},
		{"ErrAbortHandler", func() { panic(http.ErrAbortHandler) }, 0, usercall.ByAbortHandler},
		{"ErrAbortHandler, wrapped", func() { panic(fmt.Errorf("in a group: %w", http.ErrAbortHandler)) }, 0, usercall.ByAbortHandler},
		{"Goexit", func() { runtime.Goexit() }, 1, usercall.ByGoexit},
		{"panic", func() { panic("why") }, 1, usercall.ByPanic},
		{"panic with an error", func() { panic(errors.New("why")) }, 1, usercall.ByPanic},
		{"panic with a nil pointer", func() { panic((*nilError)(nil)) }, 1, usercall.ByPanic},
		{"panic with nil", func() { panic(nil) }, 1, usercall.ByPanic},
	} {
		notes := c.notes
		left := make(chan usercall.Left, 1)
		go usercall.Run(c.f, func() (exits, thrown bool) {
			notes--
			return true, notes >= 0
		}, func(l usercall.Left) { left <- l })
		l := <-left
		if l.How != c.want {
			t.Errorf("%s: How = %d, want %d", c.name, l.How, c.want)
		}
		if l.Exits != (c.want == usercall.ByThrow) {
			t.Errorf("%s: Exits = %t, want it of a Throw alone", c.name, l.Exits)
		}
		if hasStack := len(l.Stack) > 0; hasStack != (l.How == usercall.ByAbortHandler || l.How == usercall.ByPanic) {
			t.Errorf("%s: there is a stack: %t, want one of a panic alone", c.name, hasStack)
		}
	}
}

// Catch lets everything pass but a Throw.
func TestCatch(t *testing.T) {
	t.Parallel()
	thrown := func() (exits, thrown bool) { return false, true }
	if caught := usercall.Catch(func() { panic(http.ErrAbortHandler) }, thrown); !caught {
		t.Error("Catch() = false after a Throw, want true")
	}
	if caught := usercall.Catch(func() {}, thrown); caught {
		t.Error("Catch() = true after a return, want false")
	}
	why := errors.New("why")
	defer func() {
		if v := recover(); v != any(why) {
			t.Errorf("Catch passes on %v, want %v", v, why)
		}
	}()
	usercall.Catch(func() { panic(why) }, thrown)
	t.Error("Catch has returned after a panic")
}

// What is run apart ends without the caller.
func TestApart(t *testing.T) {
	t.Parallel()
	if _, ok := usercall.Apart(func() {}); !ok {
		t.Error("Apart() is not ok after a return")
	}
	if v, ok := usercall.Apart(func() { panic("why") }); ok || v != "why" {
		t.Errorf("Apart() = %v, %t after a panic, want why, false", v, ok)
	}
	if v, ok := usercall.Apart(func() { runtime.Goexit() }); ok || v != nil {
		t.Errorf("Apart() = %v, %t after Goexit, want nil, false", v, ok)
	}
	if got, want := usercall.Printed((*nilError)(nil)), "<nil>"; got != want {
		t.Errorf("Printed(nil pointer) = %q, want %q", got, want)
	}
	if got, want := usercall.Printed(goexits{}), "a usercall_test.goexits that does not print"; got != want {
		t.Errorf("Printed(goexits) = %q, want %q", got, want)
	}
}

// goexits ends the goroutine that prints it.
type goexits struct{}

func (goexits) String() string { runtime.Goexit(); return "" }

func TestIsManaged(t *testing.T) {
	t.Parallel()
	if usercall.IsManaged() {
		t.Error("IsManaged() = true outside of Managed, want false")
	}
	usercall.Managed(func() {
		var deep func(n int)
		deep = func(n int) {
			if n > 0 {
				deep(n - 1)
				return
			}
			if !usercall.IsManaged() {
				t.Error("IsManaged() = false in Managed, want true")
			}
		}
		deep(200)
		deep(0)
	})
}

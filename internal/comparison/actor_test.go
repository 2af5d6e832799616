package comparison

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// A journal is what a run of a script shows, one line for each thing seen. Its
// methods may be called by several goroutines at once.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) say(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// An actor is the handler of a script at work.
type actor struct {
	s    *script
	w    http.ResponseWriter
	r    *http.Request
	rc   *http.ResponseController
	log  *journal
	file string      // of filesize bytes
	kept http.Header // the header map as it was asked for first
	conn net.Conn    // hijacked; nil: it was not
}

// handler serves the script, and the request that follows it.
func (s *script) handler(log *journal, file string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			log.say("next begins: %s", ending(r.Context()))
			s.pause(time.Millisecond)
			log.say("next ends: %s", ending(r.Context()))
			_, _ = io.WriteString(w, "next")
			return
		}
		a := &actor{s: s, w: w, r: r, rc: http.NewResponseController(w), log: log, file: file}
		defer func() {
			if a.conn != nil {
				log.say("close = %s", identity(a.conn.Close()))
			}
		}()
		log.say("request: %s %s %s %d %v %v", r.Method, r.Proto, r.Host, r.ContentLength, r.Close, r.Header)
		for _, o := range s.ops {
			o.do(a)
		}
		log.say("end: %s", ending(r.Context()))
	})
}

// pause lets d pass where the clock is the bubble's: everybody else has come to
// rest before.
func (s *script) pause(d time.Duration) {
	if !s.loopback {
		time.Sleep(d)
	}
}

func ending(ctx context.Context) string {
	return fmt.Sprintf("Err %s, Cause %s", identity(ctx.Err()), identity(context.Cause(ctx)))
}

// errSource is the error of a source that no library knows.
var errSource = errors.New("the source failed")

var sentinels = []error{
	io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, net.ErrClosed, os.ErrDeadlineExceeded, fs.ErrNotExist,
	context.Canceled, context.DeadlineExceeded, errors.ErrUnsupported, errSource,
	http.ErrNotSupported, http.ErrBodyNotAllowed, http.ErrContentLength, http.ErrHijacked, http.ErrBodyReadAfterClose,
	http.ErrHandlerTimeout, http.ErrAbortHandler,
	syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT,
}

var address = regexp.MustCompile(`\b(127\.0\.0\.1|192\.0\.2\.\d+):\d+`)

// identity tells errors apart by their text and by all that they are.
func identity(err error) string {
	if err == nil {
		return "nil"
	}
	text := address.ReplaceAllString(err.Error(), "ADDRESS")
	for i, s := range sentinels {
		if errors.Is(err, s) {
			text += fmt.Sprintf(" is%d", i)
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		text += " MaxBytesError"
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		text += " Timeout"
	}
	return text
}

// pattern gives n bytes that show where they were cut.
func pattern(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i%26)
	}
	return b
}

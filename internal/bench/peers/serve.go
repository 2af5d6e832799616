package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
)

// serve is a process of its own that serves a row until its standard input ends. It prints
// its address. The row's name may have a writer of the log behind an @. With a second
// argument it speaks HTTP/2, else HTTP/1.1, each alone, as servers without TLS do.
func serve(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("serve needs the name of a row")
	}
	row, done, err := rowOf(args[0])
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: row, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(len(args) == 1)
	srv.Protocols.SetUnencryptedHTTP2(len(args) > 1)
	if row.Attach != nil {
		row.Attach(srv)
	}
	fmt.Println(ln.Addr())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	if err := srv.Close(); err != nil {
		return err
	}
	<-ended
	return done()
}

// rowOf gives the row of this name, and what ends it.
func rowOf(name string) (rows.Row, func() error, error) {
	if row, ok := held(name); ok {
		return row, func() error { return row.Drain(context.Background()) }, nil
	}
	base, kind, _ := strings.Cut(name, "@")
	out, done, err := logWriter(kind)
	if err != nil {
		return rows.Row{}, nil, err
	}
	list, _ := handlers(rows.Shallow, out)
	i := slices.IndexFunc(list, func(row rows.Row) bool { return row.Name == base })
	if i < 0 {
		return rows.Row{}, nil, fmt.Errorf("no row %s", name)
	}
	return list[i], done, nil
}

// logWriter is where the lines of a log go, and what closes it.
func logWriter(kind string) (io.Writer, func() error, error) {
	if kind == "" {
		return io.Discard, func() error { return nil }, nil
	}
	f, err := logFile()
	if err != nil {
		return nil, nil, err
	}
	switch kind {
	case "file":
		return f, f.Close, nil
	case "buffer":
		b := newBuffered(f, 100*time.Millisecond)
		return b, b.Close, nil
	}
	return nil, nil, fmt.Errorf("no writer %s", kind)
}

// logFile is a file that has no name any more.
func logFile() (*os.File, error) {
	f, err := os.CreateTemp("", "log")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// buffered is a writer for the lines of a log that writes them together: when there are
// 64 KB, and after some time.
type buffered struct {
	f    *os.File
	stop chan struct{}
	done sync.WaitGroup

	mu sync.Mutex
	b  *bufio.Writer // guarded by mu
}

func newBuffered(f *os.File, often time.Duration) *buffered {
	w := &buffered{f: f, stop: make(chan struct{}), b: bufio.NewWriterSize(f, 64<<10)}
	w.done.Go(func() {
		tick := time.NewTicker(often)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.flush()
			case <-w.stop:
				return
			}
		}
	})
	return w
}

func (w *buffered) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(line)
}

func (w *buffered) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Flush()
}

func (w *buffered) Close() error {
	close(w.stop)
	w.done.Wait()
	if err := w.flush(); err != nil {
		return err
	}
	return w.f.Close()
}

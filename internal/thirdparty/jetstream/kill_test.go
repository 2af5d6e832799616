package thirdparty_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

const childEnv = "LASTBYTE_JETSTREAM_CHILD" // the directory of its stream

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Fprintln(os.Stderr, serve(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serve is a server that stores tasks in a stream, on a NATS server of its own.
func serve(dir string) error {
	ns, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: dir, SyncAlways: true})
	if err != nil {
		return err
	}
	ns.Start()
	if !ns.ReadyForConnections(time.Minute) {
		return fmt.Errorf("the NATS server is not ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(ns))
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx := context.Background()
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "TASKS", Subjects: []string{"tasks"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return err
	}
	life := middleware.New(middleware.Options{})
	mux := http.NewServeMux()
	mux.Handle("POST /{n}", exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := js.Publish(r.Context(), "tasks", []byte(r.PathValue("n"))); err != nil {
			return &exitcode.ExitError{Code: http.StatusServiceUnavailable, Err: err}
		}
		_, err := io.WriteString(w, "got the task!") // the stream has said that it is stored
		return err
	}))
	mux.Handle("GET /stored", exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error { return stored(w, r, stream) }))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String())
	return life.Serve(ctx, &http.Server{Handler: life.Handler(mux)}, ln)
}

// stored gives the tasks that the stream has.
func stored(w http.ResponseWriter, r *http.Request, stream jetstream.Stream) error {
	c, err := stream.CreateOrUpdateConsumer(r.Context(), jetstream.ConsumerConfig{Durable: "worker", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		return err
	}
	info, err := stream.Info(r.Context())
	if err != nil {
		return err
	}
	all := map[string]int{}
	for range info.State.Msgs {
		m, err := c.Next(jetstream.FetchMaxWait(20 * time.Second))
		if err != nil {
			return err
		}
		all[string(m.Data())]++
		if err := m.DoubleAck(r.Context()); err != nil {
			return err
		}
	}
	return json.NewEncoder(w).Encode(all)
}

// Every task that a client was told of is in the stream, if the process is killed with
// requests under way: the stream stores what it acknowledges before it does.
func TestJetStream_Kill(t *testing.T) {
	dir := t.TempDir()
	told, next := map[string]bool{}, atomic.Int64{}
	var mu sync.Mutex
	for range testkit.Rounds(3, 10) {
		url, kill := start(t, dir)
		last, count := int64(1+rand.IntN(200)), atomic.Int64{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					n := fmt.Sprint(next.Add(1))
					res, err := http.Post(url+"/"+n, "", nil)
					if err != nil {
						return // the process has been killed
					}
					text, err := io.ReadAll(res.Body)
					res.Body.Close()
					if err != nil || string(text) != "got the task!" {
						return
					}
					mu.Lock()
					told[n] = true
					mu.Unlock()
					if count.Add(1) == last {
						kill()
					}
				}
			})
		}
		wg.Wait()
	}
	url, kill := start(t, dir)
	defer kill()
	res, err := http.Get(url + "/stored")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all := map[string]int{}
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		t.Fatalf("GET /stored = %d, %v", res.StatusCode, err)
	}
	for n := range told {
		if all[n] == 0 {
			t.Errorf("task %s is lost", n)
		}
	}
	t.Logf("%d tasks, of which clients were told of %d", len(all), len(told))
}

// start starts a server on the stream in dir.
func start(t *testing.T, dir string) (url string, kill func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"="+dir), os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	line, _ := said.ReadString('\n')
	if line == "" {
		t.Fatal("the server does not serve")
	}
	kill = sync.OnceFunc(func() {
		cancel() // SIGKILL
		_, _ = io.Copy(io.Discard, said)
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	return strings.TrimSpace(line), kill
}

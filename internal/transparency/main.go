// Command transparency runs the test suites of Go's net/http (and of other
// projects that serve HTTP) with every server handler wrapped by a middleware,
// and compares them with an unwrapped baseline; docs/transparency.md says more.
//
//	go run . -lastbyte handler
//	go run . -lastbyte detach
//	go run . [flags] MODULE_DIR EXPR 'IMPORT;IMPORT'
//
// MODULE_DIR is a module, EXPR an expression of type
// func(http.Handler) http.Handler, IMPORT a path or alias=path. Without
// arguments it makes the baseline only. Exit status: 0 no regression but the
// documented ones, 1 others, 2 the harness failed.
package main

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

type pkgSpec struct {
	dir   string // below the module (or GOROOT/src)
	short bool
	run   string // -test.run of the whole suite
	args  []string
}

type edit struct{ file, old, new string }

type suite struct {
	name   string
	module string // "" for std
	pkgs   []pkgSpec
	edits  []edit
}

const hookName = "zz_transparency_test.go"

var suites = []suite{
	{name: "std", pkgs: []pkgSpec{
		{dir: "net/http"},
		{dir: "net/http/httptest"},
		{dir: "net/http/httputil"},
		{dir: "net/http/cgi"},
		{dir: "net/http/fcgi"},
		{dir: "net/http/pprof", short: true},
		{dir: "net/rpc"},
		{dir: "expvar"},
	}},
	{name: "chi", module: "github.com/go-chi/chi/v5", pkgs: []pkgSpec{{dir: "."}, {dir: "middleware"}}},
	{name: "gorilla-ws", module: "github.com/gorilla/websocket", pkgs: []pkgSpec{{dir: "."}}},
	{name: "coder-ws", module: "github.com/coder/websocket", pkgs: []pkgSpec{{dir: ".", short: true}}},
	{name: "x-net", module: "golang.org/x/net",
		pkgs:  []pkgSpec{{dir: "http2"}, {dir: "http2/h2c"}, {dir: "websocket"}},
		edits: []edit{{"http2/server.go", "opts.handler(),", "http.TestWrap(opts.handler()),"}}},
	{name: "http3", module: "github.com/quic-go/quic-go",
		pkgs:  []pkgSpec{{dir: "http3", short: true}, {dir: "integrationtests/self", short: true, run: "HTTP"}},
		edits: []edit{{"http3/server_conn.go", "\t\thandler.ServeHTTP(r, req)", "\t\thttp.TestWrap(handler).ServeHTTP(r, req)"}}},
	{name: "connect", module: "connectrpc.com/connect", pkgs: []pkgSpec{{dir: "."}}},
	{name: "grpc", module: "google.golang.org/grpc", pkgs: []pkgSpec{
		{dir: "test", short: true, args: []string{"-only_env=handler-tls"}},
	}},
}

// stdEdits patch the copied GOROOT; each old text must occur exactly once.
var stdEdits = []edit{
	{"net/http/server.go", "type Server struct {\n", "type Server struct {\n\ttestWrap testWrapCache\n\n"},
	{"net/http/server.go", "\thandler.ServeHTTP(rw, req)\n}\n\nfunc badServeHTTP", "\tsh.srv.testWrap.wrap(handler).ServeHTTP(rw, req)\n}\n\nfunc badServeHTTP"},
	{"net/http/fcgi/child.go", "\t\tc.handler.ServeHTTP(r, httpReq)", "\t\thttp.TestWrap(c.handler).ServeHTTP(r, httpReq)"},
	{"net/http/cgi/child.go", "\thandler.ServeHTTP(rw, req)", "\thttp.TestWrap(handler).ServeHTTP(rw, req)"},
}

var (
	root     = flag.String("root", "", "folder for work files, about 3 GB (default: lastbyte-transparency in the user's cache folder)")
	self     = flag.String("lastbyte", "", "wrap with this repository: handler or detach")
	cache    = flag.String("cache", "", "cache folder (default ROOT/cache)")
	srcRoot  = flag.String("goroot", runtime.GOROOT(), "GOROOT to copy")
	only     = flag.String("suites", "", "comma-separated suites or suite/package dirs (default all)")
	race     = flag.Bool("race", false, "build tests with -race")
	rebase   = flag.Bool("rebase", false, "run the baseline again")
	runRe    = flag.String("run", "", "only top-level tests matching this")
	keepLogs = flag.Bool("v", false, "print the output of regressed tests")
	timeout  = flag.Duration("timeout", 8*time.Minute, "limit of one test binary run")

	pkgLimit = flag.Duration("pkglimit", 5*time.Minute, "time of one package after which crashes and hangs are not followed up")

	// A test binary silent for so long hangs: a multiple of the longest silence
	// in the baseline.
	stallTime = 60 * time.Second
)

var goroot string

func main() {
	flag.Parse()
	if *root == "" {
		*root = filepath.Join(must1(os.UserCacheDir()), "lastbyte-transparency")
	}
	if *cache == "" {
		*cache = filepath.Join(*root, "cache")
	}
	args := arguments()
	goroot = filepath.Join(*root, "goroot")
	must(os.MkdirAll(*cache, 0o777))
	unlock := lock(filepath.Join(*cache, "lock"))
	defer unlock()
	prepareGoroot()

	var mw *middleware
	if len(args) > 0 {
		mw = loadMiddleware(args[0], args[1], args[2])
	}
	start := time.Now()
	rows := runSuites(mw)
	report(rows, mw, time.Since(start))
	for _, r := range rows {
		if len(r.regressed) > 0 || r.err != "" {
			unlock()
			os.Exit(1)
		}
	}
}

// arguments gives MODULE_DIR, EXPR and the imports, or nothing for the baseline
// alone.
func arguments() []string {
	args := flag.Args()
	if l, ok := lastbyte[*self]; ok && len(args) == 0 {
		args = []string{"../..", l[0], l[1]}
	} else if *self != "" {
		fatalf("-lastbyte takes handler or detach, and no arguments beside it")
	}
	if len(args) != 0 && len(args) != 3 {
		fatalf("usage: suite [flags] MODULE_DIR EXPR 'IMPORT;IMPORT'   (no arguments: baseline only)")
	}
	return args
}

func runSuites(mw *middleware) (rows []row) {
	for _, s := range suites {
		for _, p := range s.pkgs {
			if !wanted(s, p) {
				continue
			}
			r := runOne(s, p, mw)
			if *self != "" {
				r.documented = explained(&r)
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func wanted(s suite, p pkgSpec) bool {
	if *only == "" {
		return true
	}
	for _, o := range strings.Split(*only, ",") {
		if o == s.name || o == s.name+"/"+p.dir || (s.module == "" && o == p.dir) {
			return true
		}
	}
	return false
}

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// locations are what nginx does, and the row of lastbyte that does it, too.
var locations = []struct{ name, path, row string }{
	{"ngx_lua", "/", "bare"},
	{"ngx_lua on_abort", "/on_abort", "LifecycleOn"},
	{"ngx_lua exit", "/exit", "LifecycleExit"},
	{"ngx_lua eof", "/eof", "LifecycleDetachSend"},
	{"ngx_lua timer", "/timer", "LifecycleDefer"},
	{"nginx access_log", "/log", "LifecycleLog@buffer"},
}

// configuration is one worker on a port of its own. What is unusual in it keeps a
// connection for as many requests as the generators send.
const configuration = `
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log crit;
load_module %[2]s/ndk_http_module.so;
load_module %[2]s/ngx_http_lua_module.so;
events { worker_connections 16000; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	lua_max_pending_timers 100000;
	lua_max_running_timers 4096;
	log_format json escape=json '{"method":"$request_method","path":"$uri","status":$status,"size":$body_bytes_sent,"duration":$request_time}';
	init_worker_by_lua_block {
		local ffi = require "ffi"
		ffi.cdef "struct nanoseconds { long sec; long nsec; }; int clock_gettime(int clock, struct nanoseconds *at);"
		local at = ffi.new("struct nanoseconds")
		times = {}
		function note()
			ffi.C.clock_gettime(1, at)
			times[#times + 1] = string.format("%%.0f", tonumber(at.sec) * 1e9 + tonumber(at.nsec))
		end
	}
	server { listen 127.0.0.1:%[3]d; include %[1]s/locations; }
	server { listen 127.0.0.1:%[4]d http2; include %[1]s/locations; }
}
`

const locationsFile = `
location = / { content_by_lua_block { ngx.print("hello") } }
location = /on_abort {
	lua_check_client_abort on;
	content_by_lua_block { ngx.on_abort(function() end) ngx.print("hello") }
}
location = /exit { content_by_lua_block { ngx.exit(403) } }
location = /eof { content_by_lua_block { ngx.print("hello") ngx.eof() } }
location = /timer {
	content_by_lua_block { ngx.timer.at(0, function() end) ngx.print("hello") }
}
location = /log { access_log %[1]s/access.log json buffer=64k flush=1s; content_by_lua_block { ngx.print("hello") } }
location = /hold {
	lua_check_client_abort on;
	content_by_lua_block {
		ngx.on_abort(function() note() ngx.exit(499) end)
		ngx.print(".")
		ngx.flush(true)
		ngx.sleep(1000)
	}
}
location = /times {
	content_by_lua_block { ngx.print(table.concat(times, "\n")) times = {} }
}
`

// nginx is one with ngx_lua that this program has started.
type nginx struct {
	dir       string
	cmd       *exec.Cmd
	alive     io.Closer
	http1, h2 int // ports
	worker    int // its pid
}

// guard is a shell that ends nginx when its standard input ends, which it does also if
// this process is killed.
const guard = `trap '' INT; nginx -p "$1" -c "$1/nginx.conf" & cat >/dev/null; kill $!; wait`

const modules = "/usr/lib/nginx/modules" // where Debian has them

func startNginx() (*nginx, error) {
	err := installed(map[string]string{"nginx": "nginx"})
	if _, stat := os.Stat(modules + "/ngx_http_lua_module.so"); stat != nil {
		err = errors.Join(err, fmt.Errorf("nginx has no ngx_lua: %w; in Debian it comes with the package libnginx-mod-http-lua", stat))
	}
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-ngx")
	if err != nil {
		return nil, err
	}
	n := &nginx{dir: dir}
	if err := errors.Join(free(&n.http1), free(&n.h2), os.Chmod(dir, 0o777)); err != nil { // its worker is another user
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, configuration, dir, modules, n.http1, n.h2), 0o666),
		os.WriteFile(filepath.Join(dir, "locations"), fmt.Appendf(nil, locationsFile, dir), 0o666))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	n.cmd = exec.Command("sh", "-c", guard, "guard", dir)
	n.cmd.Stdout, n.cmd.Stderr = os.Stderr, os.Stderr
	if n.alive, err = n.cmd.StdinPipe(); err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := n.ready(); err != nil {
		return nil, errors.Join(err, n.stop())
	}
	return n, nil
}

// free finds a port that nobody listens at.
func free(port *int) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	*port = ln.Addr().(*net.TCPAddr).Port
	return ln.Close()
}

// ready waits until the worker is there and answers.
func (n *nginx) ready() (err error) {
	for range 200 {
		time.Sleep(20 * time.Millisecond)
		master, _ := os.ReadFile(filepath.Join(n.dir, "nginx.pid"))
		pid := strings.TrimSpace(string(master))
		text, _ := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
		children := strings.Fields(string(text))
		if len(children) != 1 {
			err = fmt.Errorf("nginx has the children %q, want one worker", children)
			continue
		}
		if n.worker, err = strconv.Atoi(children[0]); err != nil {
			return err
		}
		var c net.Conn
		if c, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.http1)); err == nil {
			return c.Close()
		}
	}
	return err
}

func (n *nginx) stop() error {
	err := n.alive.Close()
	_ = n.cmd.Wait() // the shell gives the status of the kill
	return errors.Join(err, os.RemoveAll(n.dir))
}

// target gives a location of it.
func (n *nginx) target(name, path string, port int) *target {
	return &target{name: name, addr: fmt.Sprintf("127.0.0.1:%d", port), path: path, pid: n.worker}
}

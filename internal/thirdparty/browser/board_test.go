package browser_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Every button begins what it says, and the board in the frame shows it.
func TestBrowser_Experiments(t *testing.T) {
	b := open(t)
	url := example(t, "-work", "1s", "-step", "50ms", "-limit", "1s")
	b.show(url+"/", 1280, "light")
	b.until("the board is live", "document.querySelector('iframe')?.contentDocument.getElementById('status')?.dataset.is === 'live'")

	b.click("long", 1)
	b.until("long, at work", lane("work")+".includes('GET /long')")
	b.click("long", 2)
	b.until("long, left", has("GET /long", "499", "closed")+" && "+output("long")+".startsWith('left after')")
	for i, want := range []struct{ status, text string }{{"404", "Not Found"}, {"503", "Service Unavailable"}, {"444", "dropped"}} {
		b.click("exit", i+1)
		b.until("exit", has("GET /exit/{code}", want.status, "exit "+want.status)+" && "+output("exit")+".includes('"+want.text+"')")
	}
	b.click("gone", 1)
	b.until("gone", has("GET /gone", "410")+" && "+output("gone")+".includes('our own content')")
	b.click("async", 1)
	b.until("async, running on", lane("after")+".includes('GET /async')")
	b.until("async, ended", has("GET /async", "worked 1.0")+" && "+output("async")+".includes('then it worked for 1.')")
	b.click("deferred", 1)
	b.until("deferred, waiting", lane("tasks")+".includes('GET /deferred')")
	b.until("deferred, ended", has("task", "GET /deferred"))
	b.click("repeat", 1)
	b.until("repeat", has("task", "tick")+" && "+has("task", "five ticks"))
	b.click("fanout", 1)
	b.until("fanout", has("GET /fanout", "200")+" && "+output("fanout")+".includes('cache has answered')")
	b.click("stream", 1)
	b.until("stream, read", output("stream")+".includes('read line 2') && "+lane("work")+".includes('GET /stream')")
	b.click("stream", 2)
	b.until("stream, left", has("GET /stream", "client", "response"))
	b.click("socket", 1)
	b.until("socket, open", output("socket")+".includes('got text') && "+lane("work")+".includes('hijacked')")
	b.click("socket", 2)
	b.until("socket, left", has("GET /socket", "hijacked")) // by the client, unless the browser says goodbye first
	b.click("upload", 1)
	b.until("upload, stopped", has("POST /upload", "client")+" && "+output("upload")+".includes('stopped')")
	b.click("slow", 1)
	b.until("slow", has("GET /slow", "504")+" && "+output("slow")+".includes('504 after')")

	// Its Outcome, attributes and line of the log.
	frame := "document.querySelector('iframe').contentDocument"
	run(b, "open the upload", chromedp.Evaluate[chromedp.Void]("[..."+frame+".getElementById('ends').rows].find(r => r.innerText.includes('/upload')).querySelector('button').click()"))
	b.until("the dialog", frame+".getElementById('more').open && "+frame+".getElementById('log').textContent.includes('abort_stage=') && "+frame+".getElementById('attrs').innerText.includes('received')")
	b.picture("dialog")
}

// A page that is left, and a tab that is closed, are clients that leave.
func TestBrowser_LeavesThePage(t *testing.T) {
	b := open(t)
	url := example(t)
	b.start()
	for n, way := range []string{"another page", "closed"} {
		tab, closed := b.tab()
		tab.show(url+"/", 1280, "light")
		tab.click("long", 1)
		tab.until(way+": at work", lane("work")+".includes('GET /long')")
		if way == "closed" {
			closed()
		} else {
			tab.show("about:blank", 1280, "light")
			defer closed()
		}
		again := time.NewTicker(20 * time.Millisecond)
		for late := time.Now().Add(patience); left(t, url) != n+1; <-again.C {
			if time.Now().After(late) {
				t.Fatalf("%s: %d requests were left by their client, want %d", way, left(t, url), n+1)
			}
		}
		again.Stop()
	}
}

// left is how many requests of /long were left by their client, as the board has it.
func left(t *testing.T, url string) (n int) {
	t.Helper()
	res, err := http.Get(url + "/debug/requests.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var seen struct{ Endings []struct{ Kind, Path string } }
	if err := json.NewDecoder(res.Body).Decode(&seen); err != nil {
		t.Fatal(err)
	}
	for _, e := range seen.Endings {
		if e.Kind == "client" && e.Path == "/long" {
			n++
		}
	}
	return n
}

// load sends requests of all kinds.
func load(t *testing.T, url string) {
	t.Helper()
	for range 30 {
		for _, path := range []string{"/exit/404", "/exit/503", "/gone", "/phases?user=bob", "/fanout", "/deferred", "/exit/444", "/long"} {
			c := http.Client{}
			if path == "/long" {
				c.Timeout = 20_000_000 // 20 ms
			}
			if res, err := c.Get(url + path); err == nil {
				res.Body.Close()
			}
		}
	}
	for range 3 {
		for _, path := range []string{"/async", "/stream", "/long"} {
			res, err := http.NewRequestWithContext(t.Context(), "GET", url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				if res, err := http.DefaultClient.Do(res); err == nil && path != "/stream" {
					res.Body.Close()
				}
			}()
		}
	}
}

// Both pages in both colour schemes, at two widths: nothing is wider than the page, and
// axe-core finds nothing. The pictures are to be looked at.
func TestBrowser_Looks(t *testing.T) {
	b := open(t)
	url := example(t, "-work", "10m", "-step", "5ms")
	axe := ""
	if file, err := os.ReadFile(filepath.Join(".npm", "node_modules", "axe-core", "axe.min.js")); err == nil {
		axe = string(file)
	} else {
		t.Log("axe-core is not here (npm install --prefix .npm axe-core), and accessibility is not checked")
	}
	load(t, url)
	b.start()
	if _, err := chromedp.Call(b.ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: axe != ""}); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{390, 1280, 1600} {
			for name, path := range map[string]string{"example": "/", "board": "/debug/requests"} {
				what := fmt.Sprintf("%s-%s-%d", name, scheme, width)
				b.show(url+path, width, scheme)
				doc := "document"
				if name == "example" {
					doc = "document.querySelector('iframe').contentDocument"
				}
				b.until(what, doc+".getElementById('ends')?.rows.length > 20 && "+doc+".getElementById('after').rows.length > 0")
				wide := run(b, "measure", chromedp.Evaluate[bool]("document.documentElement.scrollWidth > innerWidth || "+doc+".documentElement.scrollWidth > "+doc+".defaultView.innerWidth"))
				if wide {
					t.Errorf("%s: the page is wider than the window", what)
				}
				if axe != "" {
					b.check(what, axe)
				}
				b.picture(what)
			}
		}
	}
}

// check fails the test for what axe-core finds.
func (b *browser) check(what, axe string) {
	b.t.Helper()
	run(b, "axe-core", chromedp.Evaluate[chromedp.Void](axe+"; 0"))
	found := run(b, "axe-core", chromedp.Evaluate[[]string](`axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(r =>
		r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + (n.any[0]?.message || "")).join("; ")))`,
		chromedp.EvalAwaitPromise))
	if len(found) > 0 {
		b.t.Errorf("%s: axe-core finds\n%s", what, strings.Join(found, "\n"))
	}
}

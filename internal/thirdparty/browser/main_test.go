package browser_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience bounds every wait for the browser.
const patience = 30 * time.Second

// chromium gives the path of the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium here, which these tests drive: on Debian, apt-get install chromium")
	return ""
}

// example runs the example as a process of its own, and gives its address.
func example(t *testing.T, args ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "example")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./example")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.Command(program, append([]string{"-json", "-addr", "127.0.0.1:0", "-grace", "2s"}, args...)...)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "Listening on "); ok {
			url, _, _ = strings.Cut(url, " ")
			return url
		}
	}
	t.Fatal("the example does not say where it listens")
	return ""
}

// browser is a tab, and all of a browser that is ended with the test.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func open(t *testing.T) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(chromium(t)), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return &browser{t, ctx}
}

// tab opens another tab. closed: as if its cross had been clicked.
func (b *browser) tab() (tab *browser, closed func()) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	return &browser{b.t, ctx}, cancel
}

// run runs an action, which has patience's time.
func run[T any](b *browser, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return v
}

// start starts the browser, which must not end with the time of its first action.
func (b *browser) start() {
	b.t.Helper()
	if err := chromedp.Do(b.ctx); err != nil {
		b.t.Fatalf("the browser does not start: %v", err)
	}
}

// show loads url at a width in a colour scheme.
func (b *browser) show(url string, width int64, scheme string) {
	b.t.Helper()
	b.start()
	run(b, "width", chromedp.EmulateViewport(width, 900))
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
	run(b, "show "+url, chromedp.Navigate(url))
}

// until waits until the expression is true.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for late := time.Now().Add(patience); ; <-again.C {
		if run(b, what, chromedp.Evaluate[bool]("(() => { try { return !!("+expression+"); } catch { return false; } })()")) {
			return
		}
		if time.Now().After(late) {
			seen := run(b, what, chromedp.Evaluate[string](`document.body.innerText + "\n---\n" + (document.querySelector("iframe")?.contentDocument.body.innerText || "")`))
			b.t.Fatalf("%s: want %s; the page:\n%s", what, expression, seen)
		}
	}
}

// click clicks the n-th button of an experiment.
func (b *browser) click(experiment string, n int) {
	b.t.Helper()
	run(b, "click", chromedp.Click(chromedp.CSS(fmt.Sprintf("#%s button:nth-of-type(%d)", experiment, n))))
}

// output is the text that an experiment shows, as an expression.
func output(experiment string) string {
	return fmt.Sprintf("document.querySelector('#%s output').textContent", experiment)
}

// lane is the text of a lane of the board in the frame, as an expression.
func lane(name string) string {
	return fmt.Sprintf("document.querySelector('iframe').contentDocument.getElementById('%s').innerText", name)
}

// has is a row of the endings that has all texts, as an expression.
func has(texts ...string) string {
	var each []string
	for _, text := range texts {
		each = append(each, fmt.Sprintf("r.innerText.includes(%q)", text))
	}
	return "[...document.querySelector('iframe').contentDocument.getElementById('ends').rows].some(r => " + strings.Join(each, " && ") + ")"
}

// picture saves what there is to see, below the directory of go test -artifacts.
func (b *browser) picture(name string) {
	b.t.Helper()
	png := run(b, "picture", chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

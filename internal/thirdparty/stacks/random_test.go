package thirdparty_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A tower is a stack with neighbours at each of the three places at once.
type tower struct {
	outside, between, inside []neighbour
	layer                    int // of layers: the inner one of lastbyte's
}

// layers are what may stand inside Handler; the last two may be left by Send.
var layers = []struct {
	name string
	put  func(*middleware.Lifecycle, http.Handler) http.Handler
}{
	{"Phase", func(_ *middleware.Lifecycle, h http.Handler) http.Handler { return pass(h) }},
	{"exitcode.New", func(_ *middleware.Lifecycle, h http.Handler) http.Handler {
		return exitcode.New(exitcode.Options{ErrorPage: exitcode.PlainText})(h)
	}},
	{"Handler", (*middleware.Lifecycle).Handler},
	{"HeaderFilter", func(_ *middleware.Lifecycle, h http.Handler) http.Handler {
		return exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code { return exitcode.OK })(h)
	}},
	{"Detach", (*middleware.Lifecycle).Detach},
	{"Phase, Detach", func(l *middleware.Lifecycle, h http.Handler) http.Handler { return pass(l.Detach(h)) }},
}

func (w tower) detach() bool { return w.layer >= 4 }

func (w tower) String() string {
	var s []string
	for _, part := range [][]neighbour{w.outside, w.between, w.inside} {
		for _, n := range part {
			s = append(s, n.name)
		}
		s = append(s, "|")
	}
	return layers[w.layer].name + ": " + strings.Join(s, " > ")
}

// build is w around h, with a note book for each neighbour; l is nil without
// lastbyte.
func (w tower) build(l *middleware.Lifecycle, books map[string]*notes, h http.Handler) http.Handler {
	put := func(part []neighbour) {
		for i := len(part) - 1; i >= 0; i-- {
			n := new(notes)
			books[part[i].name] = n
			h = part[i].put(n)(h)
		}
	}
	put(w.inside)
	if l != nil {
		h = layers[w.layer].put(l, h)
	}
	put(w.between)
	if l != nil {
		h = l.Handler(h)
	}
	put(w.outside)
	return h
}

// randomTower has up to three neighbours, each once: what compresses at most
// once, since two compressors do not go together.
func randomTower(rnd *rand.Rand) (w tower) {
	w.layer = rnd.IntN(len(layers))
	compressed := false
	for _, i := range rnd.Perm(len(neighbours))[:1+rnd.IntN(3)] {
		n := neighbours[i]
		if n.holds && compressed || n.watches { // an http.TimeoutHandler has ways of its own, see TestStacks
			continue
		}
		compressed = compressed || n.holds
		part := []*[]neighbour{&w.outside, &w.between, &w.inside}[rnd.IntN(3)]
		*part = append(*part, n)
	}
	return w
}

// serve asks once; without lastbyte if bare.
func (w tower) serve(t *testing.T, p pipenet.Proto, e ending, bare bool) (o outcome, books map[string]*notes) {
	ended, resume := make(chan middleware.Outcome, 4), make(chan struct{})
	books = make(map[string]*notes)
	if bare {
		o.answer = ask(pipenet.Start(t, p, w.build(nil, books, http.HandlerFunc(e.same))))
		synctest.Wait()
		return o, books
	}
	life := middleware.New(middleware.Options{
		OnEnd:      func(_ *http.Request, o middleware.Outcome) { ended <- o },
		Background: eof.Options{OnPanic: func(any, []byte) {}},
	})
	defer life.Shutdown(context.Background())
	s := pipenet.Start(t, p, w.build(life, books, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.do(w, r)
		if e.sends {
			<-resume
		}
	})), life.Attach)
	o.answer = ask(s)
	close(resume)
	o.Outcome = <-ended
	synctest.Wait()
	return o, books
}

// problems compares got with want, which net/http comes to alone.
func (w tower) problems(e ending, got, want outcome, books, bare map[string]*notes) []string {
	at := place{inside: len(w.inside) > 0, detach: w.detach()}
	wrong := problems(at, w.inside, e, got, want)
	if e.same != nil && !want.whole || len(w.inside) > 0 && (e.late || e.sends) {
		return wrong
	}
	for _, n := range append(w.outside[:len(w.outside):len(w.outside)], w.between...) {
		status, count := books[n.name].last()
		noted, times := e.status, 1
		if e.same != nil {
			noted, times = bare[n.name].last()
		}
		if e.same == nil && hides(w.outside) && count == 0 {
			continue // only net/http's panic cuts the response, and this one does not see it
		}
		if n.records && (count != times || noted != 0 && status != noted) {
			wrong = append(wrong, fmt.Sprintf("%s has noted %d, %d times, want %d, %d times", n.name, status, count, noted, times))
		}
		for _, k := range n.sets {
			if e.same != nil && got.header.Get(k) == "" && want.header.Get(k) != "" {
				wrong = append(wrong, fmt.Sprintf("the answer has not the %s of %s: %v", k, n.name, got.header))
			}
		}
	}
	return wrong
}

// hides reports whether one of all hides what a response is cut by.
func hides(all []neighbour) bool {
	return slices.ContainsFunc(all, func(n neighbour) bool { return n.hides })
}

// TestTowers is TestStacks for random stacks. LASTBYTE_STACKS=5000 tries so many.
func TestTowers(t *testing.T) {
	count, seed := 300, uint64(10)
	if n, err := strconv.Atoi(os.Getenv("LASTBYTE_STACKS")); err == nil {
		count, seed = n, rand.Uint64()
	}
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range count {
		w, e := randomTower(rnd), endings[rnd.IntN(len(endings))]
		if e.sends && !w.detach() {
			continue
		}
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				var want outcome
				var bare map[string]*notes
				if e.same != nil {
					want, bare = w.serve(t, p, e, true)
				}
				got, books := w.serve(t, p, e, false)
				if wrong := w.problems(e, got, want, books, bare); len(wrong) > 0 {
					t.Errorf("%v, %s:\n\t%s", w, e.name, strings.Join(wrong, "\n\t"))
				}
			})
		})
	}
}

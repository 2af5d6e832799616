package eof_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
)

// TestB13_OnDrainLeavesNothing: what was stopped, and what ended with its request, leaves
// no trace.
func TestB13_OnDrainLeavesNothing(t *testing.T) {
	const n = 100_000
	never := func(context.Context) { t.Error("f has run") }
	small := func(t *testing.T, what string, before uint64) {
		t.Helper()
		if grown := int64(heap()) - int64(before); grown > 1<<20 {
			t.Errorf("%s: the heap has grown by %d bytes, want nothing to be kept", what, grown)
		}
	}
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{})
		within := func(f http.HandlerFunc) {
			b.Handler(f).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}
		within(func(_ http.ResponseWriter, r *http.Request) {
			eof.OnDrain(r.Context(), never)()
			before := heap()
			stops := make([]func() bool, n)
			for i := range stops {
				stops[i] = eof.OnDrain(r.Context(), never)
			}
			for _, stop := range stops {
				if !stop() || stop() {
					t.Fatal("stop() is not true once")
				}
			}
			stops = nil
			small(t, "many of one request, stopped", before)
		})
		before := heap()
		for range n {
			within(func(_ http.ResponseWriter, r *http.Request) { eof.OnDrain(r.Context(), never) })
		}
		small(t, "one of each of many requests that ended", before)
		shutdown(t, b)
	})
}

// TestB13_OnDrainStress: stop, the drain and the end of the request come at once. Either f
// runs, or stop says that it does not, or the request has ended.
func TestB13_OnDrainStress(t *testing.T) {
	for range 200 {
		bubble(t, func(t *testing.T) {
			b := eof.New(eof.Options{})
			var all sync.WaitGroup
			h := b.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				ran := make(chan struct{})
				stop := eof.OnDrain(r.Context(), func(context.Context) { close(ran) })
				eof.OnDrain(r.Context(), func(context.Context) {}) // for the end of the request
				all.Go(b.Drain)
				if !stop() {
					<-ran
				}
			}))
			for range 4 {
				all.Go(func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) })
			}
			all.Wait()
			shutdown(t, b)
			wantStats(t, b, eof.Stats{})
		})
	}
}

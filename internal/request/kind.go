package request

import "context"

// kind says who a context was made for.
type kind int

const (
	onHandler kind = iota // the handler's goroutine
	beside                // a thread or callback: the handler may be at work beside it
	task                  // work after the response
)

type scopeKey struct{}

// scopeOf gives the innermost scope around ctx, nil if there is none.
func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

func kindOf(ctx context.Context) kind {
	if s := scopeOf(ctx); s != nil {
		return s.kind
	}
	return onHandler
}

// IsTask reports whether ctx belongs to work after the response.
func IsTask(ctx context.Context) bool { return kindOf(ctx) == task }

// TaskOf gives the work after the response that ctx belongs to, nil if there is
// none.
func TaskOf(ctx context.Context) any {
	if s := scopeOf(ctx); s != nil {
		return s.task
	}
	return nil
}

package board

import (
	"slices"
	"sync"
	"weak"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// own are the requests that the board has answered, and whose endings it has not been told
// of yet: some never are, see gate. mu guards the list.
type own struct {
	mu sync.Mutex

	list []weak.Pointer[request.Request]
}

// maxOwn bounds the list.
const maxOwn = 32

func (o *own) add(r *request.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.list) == maxOwn {
		o.list = slices.Delete(o.list, 0, 1)
	}
	o.list = append(o.list, weak.Make(r))
}

// take reports whether r is in the list, and removes it.
func (o *own) take(r *request.Request) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.list) == 0 {
		return false
	}
	i := slices.Index(o.list, weak.Make(r))
	if i >= 0 {
		o.list = slices.Delete(o.list, i, i+1)
	}
	return i >= 0
}

package request

import (
	"net/http"
	"unsafe"
)

// Check and Lifecycle.Handler take one allocation for each request: net/http's
// Request, which has 304 bytes in Go 1.26 and 1.27, and ours. Together they fill
// the size class of 512 bytes; one word more takes the class of 576. With Detach
// the allocation is in the class of 896 bytes, 8 of which are the runtime's: it
// puts a header before an object with pointers that is larger than 512 bytes. One
// word more takes the class of 1024. What few requests need is in the class of 176, in
// that of 288 with the parts of a page, and what fewer need in that of 352. This does not compile where a type has grown.
const (
	_ = uint(512 - unsafe.Sizeof(http.Request{}) - unsafe.Sizeof(Request{}))
	_ = uint(896 - 8 - unsafe.Sizeof(http.Request{}) - unsafe.Sizeof(Request{}) - unsafe.Sizeof(Detached{}))
	_ = uint(176 - unsafe.Sizeof(rare{}))
	_ = uint(352 - unsafe.Sizeof(extra{}))
	_ = uint(288 - unsafe.Sizeof(rare{}) - unsafe.Sizeof(pageParts{}))
)

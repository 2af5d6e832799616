package request

import (
	"net/http"
)

// carry gives the outer handlers what net/http and they look for in the request
// that they know. MultipartForm: net/http removes the files of its own request
// only.
func carry(from, to *http.Request) {
	if from == nil || to == nil || from == to {
		return
	}
	if from.MultipartForm == nil && to.MultipartForm != nil {
		from.MultipartForm = to.MultipartForm
	}
	if from.Form == nil && to.Form != nil {
		from.Form, from.PostForm = to.Form, to.PostForm
	}
	if to.Pattern != from.Pattern && to.Pattern != "" {
		from.Pattern = to.Pattern
	}
}

package board

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // of the page
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
)

//go:embed board.html
var html string

// page is the HTML of the board. Its policy has the hashes of the only style and the only
// script that run in it.
type page struct {
	html   []byte
	policy string

	style       string // of the page that refuses
	stylePolicy string
}

func newPage() *page {
	style, script := between(html, "<style>", "</style>"), between(html, "<script>", "</script>")
	return &page{
		html: []byte(html),
		policy: "default-src 'none'; script-src " + hash(script) + "; style-src " + hash(style) +
			"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'" +
			"; require-trusted-types-for 'script'; trusted-types 'none'",
		style:       style,
		stylePolicy: "default-src 'none'; style-src " + hash(style) + "; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
	}
}

func between(s, begin, end string) string {
	_, s, _ = strings.Cut(s, begin)
	s, _, _ = strings.Cut(s, end)
	return s
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (p *page) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	_, _ = w.Write(p.html) // who asks has left
}

// remedy says how to get to see the board.
const remedy = `By default it answers clients on its own machine alone, under the name localhost.
From elsewhere, tunnel to it:

	ssh -L 8080:localhost:8080 HOST

and open http://localhost:8080 there. Or have the program say who may look, and mind that
paths, client addresses and what SetAttrs adds are shown:

	board.NewWith(life, board.Options{Allow: func(r *http.Request) bool { ... }})
`

// forbid answers 403, and says why. why is this package's own text.
func (p *page) forbid(w http.ResponseWriter, f format, why string) {
	h := w.Header()
	if f != asHTML {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "403 this board is not for you. "+why+"\n"+remedy)
		return
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>403 lastbyte</title><link rel="icon" href="data:,"><style>%s</style></head>
<body class="refused"><main><h1>This board is not for you</h1><p>%s</p><pre>%s</pre></main></body></html>
`, p.style, why, remedy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.stylePolicy)
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write(b.Bytes())
}

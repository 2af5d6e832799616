package middleware

import (
	"bytes"
	"log/slog"
	"strconv"
	"time"

	"github.com/rs/zerolog"
)

// writesJSON reports whether zerolog does: a program may be built with the tag
// binary_log.
func writesJSON() bool {
	var b bytes.Buffer
	l := zerolog.New(&b)
	l.Log().Send()
	return bytes.HasPrefix(b.Bytes(), []byte("{"))
}

// addResponse adds the fields of a response to e, as addFields does, byte for byte. Those
// that every line has are added as one, so that the keys are not escaped again in each
// line, nor a float made of a duration. It reports false, and adds nothing, where that
// would not give the same.
func addResponse(e *zerolog.Event, l *line) (added bool) {
	f, o := &l.facts, &l.outcome
	if l.about != response || f.method == "" || zerolog.FloatingPointPrecision != -1 || o.Duration < 0 || o.Duration > exact ||
		!isPlain(f.method) || !isPlain(f.path) || !isPlain(f.route) || !isPlain(f.id) || !isPlain(f.proto) {
		return false
	}
	var onStack [384]byte
	b := append(append(onStack[:0], '"'), f.method...)
	b = append(append(b, `","path":"`...), f.path...)
	if f.route != "" {
		b = append(append(b, `","route":"`...), f.route...)
	}
	if f.id != "" {
		b = append(append(b, `","request_id":"`...), f.id...)
	}
	b = append(append(b, `","proto":"`...), f.proto...)
	b = strconv.AppendInt(append(b, `","status":`...), int64(o.Status), 10)
	b = strconv.AppendInt(append(b, `,"sent":`...), int64(o.Sent), 10)
	b = strconv.AppendInt(append(b, `,"size":`...), o.Bytes, 10)
	b = appendMS(append(b, `,"duration_ms":`...), o.Duration)
	e.RawJSON("method", b)
	var room [10]slog.Attr
	addFields(e, o.appendRare(room[:0]))
	return true
}

// isPlain reports whether JSON has s as it is, which zerolog says of ASCII alone.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// exact is how long a duration may be for which appendMS gives what zerolog does: a
// number of up to 15 digits is the shortest that stands for its float64.
const exact = time.Duration(999_999_999_999_999)

// appendMS appends d in milliseconds, as zerolog appends ms(d). d is not negative, and
// not longer than exact.
func appendMS(b []byte, d time.Duration) []byte {
	b = strconv.AppendInt(b, int64(d/time.Millisecond), 10)
	rest := int64(d % time.Millisecond)
	if rest == 0 {
		return b
	}
	digits := [7]byte{'.'}
	for i := 6; i > 0; i-- {
		digits[i] = byte('0' + rest%10)
		rest /= 10
	}
	return append(b, bytes.TrimRight(digits[:], "0")...)
}

package board

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"unicode/utf8"
)

// What is kept of the attributes of a request.
const (
	maxAttrs = 16
	maxKey   = 32
	maxValue = 128
)

// shortAttrs copies attrs as text that has a bound. It calls the methods of the values, as
// the logger does, with no lock held.
func shortAttrs(attrs []slog.Attr) (list []slog.Attr) {
	if len(attrs) == 0 {
		return nil
	}
	return appendAttrs(nil, "", attrs, 0)
}

func appendAttrs(list []slog.Attr, prefix string, attrs []slog.Attr, depth int) []slog.Attr {
	for _, a := range attrs {
		if len(list) == maxAttrs {
			return list
		}
		key, v := short(prefix+a.Key, maxKey), a.Value.Resolve()
		switch {
		case v.Kind() != slog.KindGroup:
			list = append(list, slog.String(key, short(textOf(v), maxValue)))
		case depth < 4:
			if a.Key != "" {
				key += "."
			}
			list = appendAttrs(list, key, v.Group(), depth+1)
		}
	}
	return list
}

// textOf is v as text. A value of a type that has none is given as its type: what it holds
// may be of any size.
func textOf(v slog.Value) (text string) {
	if v.Kind() != slog.KindAny {
		return v.String()
	}
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T, whose method panics", v.Any())
		}
	}()
	switch x := v.Any().(type) {
	case nil:
		return "nil"
	case error:
		return x.Error()
	case fmt.Stringer:
		return x.String()
	case []byte:
		return fmt.Sprintf("%d bytes", len(x))
	default:
		switch reflect.TypeOf(x).Kind() {
		case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64, reflect.Int, reflect.Int8, reflect.Int16,
			reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			return fmt.Sprint(x)
		}
		return fmt.Sprintf("%T", x)
	}
}

// short copies what may be kept of s: the client has chosen it, and it may be a part of
// something longer.
func short(s string, limit int) string {
	if len(s) <= limit {
		return strings.Clone(s)
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…" // a new string
}

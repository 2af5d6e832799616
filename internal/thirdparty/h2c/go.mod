module github.com/lastbyte-go/lastbyte/internal/thirdparty/h2c

go 1.26.0

replace github.com/lastbyte-go/lastbyte => ../../..

require (
	github.com/lastbyte-go/lastbyte v0.0.0-00010101000000-000000000000
	golang.org/x/net v0.56.0
)

require (
	github.com/go-chi/chi/v5 v5.5.0 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/rs/zerolog v1.35.1 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.38.0 // indirect
)

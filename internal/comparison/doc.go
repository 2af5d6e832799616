// Package comparison has no code but tests. They make random requests for random
// handlers, serve each with net/http alone and with the middlewares of lastbyte
// around the handler, and compare everything that can be seen: every byte on the
// wire and when it came, every value that a call returned to the handler, the end
// of its context, what the error log says, whether the connection is kept, and
// what the next request on it gets.
//
//	go test ./internal/comparison                       # 2 seconds, always the same scripts
//	LASTBYTE_COMPARE=10m go test -timeout 20m ./internal/comparison
//	LASTBYTE_COMPARE_SEED=4711 go test -v ./internal/comparison
//	go test -fuzz FuzzComparison ./internal/comparison
//
// A failure prints the seed and the shortest script that still shows the
// difference. The differences that are meant, with the reason for each, are those
// of known_test.go and docs/transparency.md.
package comparison

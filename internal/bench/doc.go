// Package bench has no code: its benchmarks compare lastbyte with net/http alone
// and with middlewares of others, and its tests hold the budgets of memory.
package bench

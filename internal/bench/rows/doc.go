// Package rows has what the benchmarks compare: handlers with lastbyte and without, the
// jobs that a request may have done beside itself, and the loops that measure them.
// internal/bench holds the budgets by it; internal/bench/peers, a module of its own, puts
// the middlewares of others beside it.
package rows

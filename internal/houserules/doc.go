// Package houserules has no code: its tests hold the rules for the code of this
// module: which package imports which, how long and how complex files and
// functions may be, how large the circles of calls in internal/request, that the
// programs of the README compile, and that docs/promises.md and the tests agree.
package houserules

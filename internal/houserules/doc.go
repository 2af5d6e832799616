// Package houserules has no code: its tests hold the rules for the code of this
// module, such as which package may import which.
package houserules

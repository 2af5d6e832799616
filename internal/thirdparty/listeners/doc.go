// Package thirdparty has no code: its tests serve the connections of other
// people's listeners.
package thirdparty

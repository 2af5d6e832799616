// Package thirdparty has no code: its tests show what a client that leaves does
// to a query of database/sql that is under way, with a real SQLite driver.
package thirdparty

// Package thirdparty has no code: its tests put stacks of real middlewares
// around lastbyte, between two layers of it and inside of it, and end requests
// there in every way.
package thirdparty

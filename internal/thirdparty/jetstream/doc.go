// Package thirdparty has no code: its test shows what a stream of NATS JetStream keeps of
// what a client was told, if the process is killed. docs/durable.md has the recipe.
package thirdparty

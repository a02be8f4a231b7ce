//go:build race

package breaker_test

// few: under the race detector each fleet takes ten times as long, and has one goroutine.
const few = true

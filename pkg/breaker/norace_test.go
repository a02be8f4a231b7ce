//go:build !race

package breaker_test

const few = false

//go:build race

package main

// closeRuntime leaves CDK's Node process to its own end, which comes with ours: jsii.Close waits for the process in two goroutines at once, which
// the race detector rightly reports and we can't mend. Two megabytes of temporary files stay behind.
func closeRuntime() {}

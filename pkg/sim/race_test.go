//go:build race

package sim

// seeds is how many worlds TestTransportFaults runs: the race detector makes each ten times as slow.
const seeds = 150

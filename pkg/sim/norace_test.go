//go:build !race

package sim

// seeds is how many worlds TestTransportFaults runs.
const seeds = 1000

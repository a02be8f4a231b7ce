//go:build !race

package sim

// defaultSeeds is how many worlds TestTransportFaults runs.
const defaultSeeds = 1000

//go:build race

package sim

// defaultSeeds is how many worlds TestTransportFaults runs: under the race detector each takes ten
// times as long.
const defaultSeeds = 150

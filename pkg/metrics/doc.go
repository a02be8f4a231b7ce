// Package metrics defines what is measured of operations, and how it is summed up and shown. What
// is counted comes from the timeline of each operation, once, so that anybody can recompute every
// figure from the API. It knows no store and no clock.
package metrics

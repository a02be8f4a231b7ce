// Package telemetry writes what operators read: structured logs, and metrics in CloudWatch's
// embedded metric format. Callers must not pass secrets: no tokens, no keys, no bodies (contract
// L12).
package telemetry

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Setup makes JSON logs on standard error the default, at the level of LOG_LEVEL (debug, info,
// warn, error; info if it is not one of these).
func Setup() {
	var level slog.Level
	_ = level.UnmarshalText([]byte(os.Getenv("LOG_LEVEL")))
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
}

// Namespace is the namespace of the metrics in CloudWatch.
const Namespace = "AdcpOrchestrator"

// Counter counts events of one metric by one dimension.
type Counter struct {
	Out       io.Writer
	Now       func() time.Time
	Metric    string
	Dimension string
}

// CountBy returns a function that counts an event on standard output, which Lambda forwards to
// CloudWatch. The function's argument is the value of the dimension.
func CountBy(metric, dimension string) func(value string) {
	return Counter{Out: os.Stdout, Now: time.Now, Metric: metric, Dimension: dimension}.Add
}

// Add counts one event. value is the value of the dimension.
func (c Counter) Add(value string) {
	line := map[string]any{c.Dimension: value, c.Metric: 1}
	writeMetrics(c.Out, c.Now(), line, []string{c.Dimension}, []any{map[string]string{"Name": c.Metric, "Unit": "Count"}})
}

// Gauge returns a function that writes how many there are of each value of a dimension.
func Gauge(metric, dimension string) func(map[string]int64) {
	return func(values map[string]int64) {
		for _, v := range slices.Sorted(maps.Keys(values)) {
			line := map[string]any{dimension: v, metric: values[v]}
			writeMetrics(os.Stdout, time.Now(), line, []string{dimension},
				[]any{map[string]string{"Name": metric, "Unit": "Count"}})
		}
	}
}

// Record writes values of metrics that have no dimension on standard output, which Lambda forwards
// to CloudWatch. The unit of a metric whose name ends in Seconds is that; all others are counts.
func Record(values map[string]int64) { WriteValues(os.Stdout, time.Now(), values) }

// WriteValues writes the values of metrics at a time as one line.
func WriteValues(w io.Writer, at time.Time, values map[string]int64) {
	var metrics []any
	line := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		unit := "Count"
		if strings.HasSuffix(name, "Seconds") {
			unit = "Seconds"
		}
		metrics = append(metrics, map[string]string{"Name": name, "Unit": unit})
		line[name] = values[name]
	}
	writeMetrics(w, at, line, []string{}, metrics)
}

// writeMetrics writes a line whose members have values of metrics and of their dimensions.
func writeMetrics(w io.Writer, at time.Time, line map[string]any, dimensions []string, metrics []any) {
	line["_aws"] = map[string]any{
		"Timestamp": at.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": Namespace, "Dimensions": [][]string{dimensions}, "Metrics": metrics,
		}},
	}
	if b, err := json.Marshal(line); err == nil {
		_, _ = w.Write(append(b, '\n'))
	}
}

// Package telemetry writes what operators read: structured logs, and metrics in CloudWatch's
// embedded metric format. Callers must not pass secrets: no tokens, no keys, no bodies (contract
// L12).
package telemetry

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
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
	definition := map[string]any{
		"Namespace":  Namespace,
		"Dimensions": [][]string{{c.Dimension}},
		"Metrics":    []any{map[string]string{"Name": c.Metric, "Unit": "Count"}},
	}
	line, err := json.Marshal(map[string]any{
		"_aws": map[string]any{
			"Timestamp":         c.Now().UnixMilli(),
			"CloudWatchMetrics": []any{definition},
		},
		c.Dimension: value,
		c.Metric:    1,
	})
	if err == nil {
		_, _ = c.Out.Write(append(line, '\n'))
	}
}

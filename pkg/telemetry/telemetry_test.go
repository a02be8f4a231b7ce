package telemetry_test

import (
	"bytes"
	"testing"
	"time"

	"adcp-orchestrator/pkg/telemetry"
)

func TestValuesAreOneLineOfTheEmbeddedMetricFormat(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	values := map[string]int64{"Failed": 2, "OldestDueSeconds": 61}
	telemetry.WriteValues(&out, time.UnixMilli(1_700_000_000_123), values)
	const want = `{"Failed":2,"OldestDueSeconds":61,"_aws":{"CloudWatchMetrics":[{"Dimensions":[[]],"Metrics":[` +
		`{"Name":"Failed","Unit":"Count"},{"Name":"OldestDueSeconds","Unit":"Seconds"}],"Namespace":"AdcpOrchestrator"}],` +
		`"Timestamp":1700000000123}}` + "\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
}

func TestACounterCountsByItsDimension(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := telemetry.Counter{Out: &out, Now: func() time.Time { return time.UnixMilli(5) }, Metric: "M", Dimension: "D"}
	c.Add("v")
	const want = `{"D":"v","M":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["D"]],"Metrics":[` +
		`{"Name":"M","Unit":"Count"}],"Namespace":"AdcpOrchestrator"}],"Timestamp":5}}` + "\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
}

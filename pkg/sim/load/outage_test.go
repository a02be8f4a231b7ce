package load

import (
	"testing"
	"time"
)

// An agent is away for six hours while operations wait for it. All are called within 15
// minutes of its return, the oldest first, at the agent's rate. make load
// has it for 10,000.
func TestAfterAnOutageAllAreCalledSoon(t *testing.T) {
	t.Parallel()
	o := Outage(definition(t), 1000, true)
	t.Logf("%+v", o)
	if o.Called != o.Waiting || o.Last > 7*time.Minute {
		t.Errorf("%d of %d called within %v", o.Called, o.Waiting, o.Last)
	}
	if o.Late > o.Waiting/20 {
		t.Errorf("%d were called long after younger ones", o.Late)
	}
	if o.MostInAMinute > 20*60+60 {
		t.Errorf("%d calls in a minute", o.MostInAMinute)
	}
}

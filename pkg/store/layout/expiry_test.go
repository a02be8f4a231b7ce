package layout

import (
	"testing"
	"time"
)

// contract F77: an item is there until its time is over, and no reader takes it after that.
func TestItemExpiresNotBeforeItsTime(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 11, 23, 12, 0, 0, 500, time.UTC)
	i := Key("t", "kind", "name", SKOnly).Until(until)
	for after, want := range map[time.Duration]bool{
		-time.Hour: false, 0: false, 2 * time.Second: true, 24 * time.Hour: true,
	} {
		if i.Expired(until.Add(after)) != want {
			t.Errorf("%v after its time: expired is %v", after, !want)
		}
	}
	if Key("t", "kind", "name", SKOnly).Expired(until) {
		t.Error("an item without an end has expired")
	}
}

package keyring

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// New keys are counted, and too many of them reported, except those of the first key set and of one
// that a person has just pinned.
func TestNewKeysAreReported(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	kids := []string{"k1"}
	add := func(n int) {
		for range n {
			kids = append(kids, fmt.Sprintf("n%03d", len(kids)))
		}
		h.set(jwksPath, keySet(kids...))
	}
	add(40)
	h.wantKey("k1", "k1")
	h.wantCount("key_admitted", 0)
	h.advance(2 * day)
	add(2)
	h.wantKey("k1", "k1")
	h.wantCount("key_admitted", 2)
	h.wantCount("key_pressure", 0)
	h.advance(freshFor)
	add(25)
	h.wantKey("k1", "k1")
	h.wantCount("key_admitted", 27)
	h.wantCount("key_pressure", 1)
	h.wantKey("n060", "n060") // pressure refuses nothing
	add(30)
	if _, err := h.Pin(t.Context(), h.sender, h.agentOrigin()+jwksPath); err != nil {
		t.Fatal(err)
	}
	h.wantCount("key_pressure", 1)
	v, err := h.Show(t.Context(), h.sender)
	if err != nil || !v.Keys[0].FirstSeen.Equal(start) || !v.Keys[90].FirstSeen.Equal(start.Add(2*day+freshFor)) {
		t.Errorf("first seen %v and %v, %v", v.Keys[0].FirstSeen, v.Keys[90].FirstSeen, err)
	}
}

// After thirty days the starting thresholds are reported as untuned: once, and not if they are
// tuned.
func TestTuningOverdueIsReportedOnce(t *testing.T) {
	t.Parallel()
	for tuned, want := range map[bool]int{false: 1, true: 0} {
		h := newHarness(t)
		if tuned {
			h.Pressure = Thresholds{Minimum: 50, Ceiling: 100}
		}
		h.wantKey("k1", "k1")
		h.advance(tuningAfter - time.Second)
		h.wantKey("k1", "k1")
		h.wantCount("threshold_tuning_overdue", 0)
		for range 3 {
			h.advance(time.Hour)
			h.wantKey("k1", "k1")
		}
		h.wantCount("threshold_tuning_overdue", want)
	}
}

// Admissions are stored for ninety days and up to five hundred, but a published key is never new
// again.
func TestAdmissionsAreBounded(t *testing.T) {
	t.Parallel()
	seen, admitted := admit(nil, []string{"old", "kept"}, start)
	if len(admitted) != 2 {
		t.Fatal(admitted)
	}
	now := start.Add(seenFor)
	seen, admitted = admit(seen, []string{"kept", "new"}, now)
	if len(seen) != 2 || seen[0] != (admission{KID: hashKeyID("kept"), At: start.Unix()}) ||
		!slices.Equal(admitted, []string{"new"}) {
		t.Fatal(seen, admitted)
	}
	for i := range 10 {
		keys := []string{"kept"}
		for j := range maxKeys - 1 {
			keys = append(keys, fmt.Sprint(i, "-", j))
		}
		now = now.Add(time.Minute)
		if seen, admitted = admit(seen, keys, now); len(admitted) != maxKeys-1 || len(seen) > maxSeen {
			t.Fatal(len(admitted), len(seen))
		}
	}
	if seen[0].KID != hashKeyID("kept") || seen[0].At != start.Unix() || seen[len(seen)-1].At != now.Unix() {
		t.Error("the oldest published admission and the newest must stay")
	}
}

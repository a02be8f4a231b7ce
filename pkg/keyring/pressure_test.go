package keyring

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The clauses of contract F78, each on its own and together.
func TestThresholds(t *testing.T) {
	t.Parallel()
	// n admissions at each of the times ago.
	at := func(n int, ago ...time.Duration) (times []time.Time) {
		for _, d := range ago {
			times = append(times, slices.Repeat([]time.Time{start.Add(-d)}, n)...)
		}
		return times
	}
	each := func(n int, from, to int) (times []time.Time) { // on each of the days ago
		for i := from; i < to; i++ {
			times = append(times, at(n, time.Duration(i)*day+12*time.Hour)...)
		}
		return times
	}
	hours := func(n int) (times []time.Time) { // in each hour of the day before the last hour
		for i := 1; i < 25; i++ {
			times = append(times, at(n, time.Duration(i)*time.Hour+30*time.Minute)...)
		}
		return times
	}
	const a, b, c, d = "a-short-ratio", "b-medium-percentile", "c-long-percentile", "d-proportional-ceiling"
	for name, tc := range map[string]struct {
		admitted []time.Time
		want     []string
	}{
		"nothing":                              {nil, nil},
		"a rotation":                           {at(2, 0), nil},
		"a rotation of many":                   {at(9, 0), nil},
		"ten out of the blue":                  {at(10, 0), []string{a, b, c}},
		"ten an hour ago":                      {at(10, time.Hour), []string{b, c}},
		"ten a day ago":                        {at(10, day), nil},
		"three times the average":              {slices.Concat(at(15, 10*time.Minute), hours(5), each(200, 2, 90)), nil},
		"more than that":                       {slices.Concat(at(16, 10*time.Minute), hours(5), each(200, 2, 90)), []string{a}},
		"twice the percentile of a month":      {slices.Concat(at(20, 2*time.Hour), each(10, 1, 31), each(100, 31, 90)), nil},
		"more than twice":                      {slices.Concat(at(21, 2*time.Hour), each(10, 1, 31), each(100, 31, 90)), []string{b}},
		"one day of thirty doesn't raise it":   {slices.Concat(at(21, 2*time.Hour), each(10, 2, 31), each(99, 1, 2), each(100, 31, 90)), []string{b}},
		"two of thirty do":                     {slices.Concat(at(21, 2*time.Hour), each(10, 3, 31), each(99, 1, 3), each(100, 31, 90)), nil},
		"half more than the quarter's highest": {slices.Concat(at(16, 2*time.Hour), each(10, 1, 90)), []string{c}},
		"no more than that":                    {slices.Concat(at(15, 2*time.Hour), each(10, 1, 90)), nil},
		"twenty in five minutes":               {slices.Concat(at(20, 4*time.Minute), hours(10), each(200, 2, 90)), nil},
		"one more":                             {slices.Concat(at(21, 4*time.Minute), hours(7), each(200, 60, 90)), []string{b, d}},
		"a tenth of a month's":                 {slices.Concat(at(30, 4*time.Minute), hours(11), each(200, 2, 90)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := StartingThresholds().Fired(tc.admitted, start); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// New keys are counted and too many told, but for those that were there from the start or that a human has just confirmed.
func TestPressure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kids := []string{"k1"}
	add := func(n int) {
		for range n {
			kids = append(kids, fmt.Sprintf("n%03d", len(kids)))
		}
		w.set(jwksPath, keySet(kids...))
	}
	add(40)
	w.want("k1", "k1")
	w.wantCount("key_admitted", 0)
	w.pass(2 * day)
	add(2)
	w.want("k1", "k1")
	w.wantCount("key_admitted", 2)
	w.wantCount("key_pressure", 0)
	w.pass(freshFor)
	add(25)
	w.want("k1", "k1")
	w.wantCount("key_admitted", 27)
	w.wantCount("key_pressure", 1)
	w.want("n060", "n060") // nothing is refused for it
	add(30)
	if _, err := w.Pin(t.Context(), w.sender, w.origin()+jwksPath); err != nil {
		t.Fatal(err)
	}
	w.wantCount("key_pressure", 1)
	v, err := w.Show(t.Context(), w.sender)
	if err != nil || !v.Keys[0].FirstSeen.Equal(start) || !v.Keys[90].FirstSeen.Equal(start.Add(2*day+freshFor)) {
		t.Errorf("first seen %v and %v, %v", v.Keys[0].FirstSeen, v.Keys[90].FirstSeen, err)
	}
}

// Thirty days on, somebody should have looked at the thresholds: said once, and not to those who have.
func TestTuningOverdue(t *testing.T) {
	t.Parallel()
	for tuned, want := range map[bool]int{false: 1, true: 0} {
		w := newWorld(t)
		if tuned {
			w.Pressure = Thresholds{Minimum: 50, Ceiling: 100}
		}
		w.want("k1", "k1")
		w.pass(tuningAfter - time.Second)
		w.want("k1", "k1")
		w.wantCount("threshold_tuning_overdue", 0)
		for range 3 {
			w.pass(time.Hour)
			w.want("k1", "k1")
		}
		w.wantCount("threshold_tuning_overdue", want)
	}
}

// Ninety days and five hundred: but a key that is published is never new again.
func TestAdmissions(t *testing.T) {
	t.Parallel()
	seen, admitted := admit(nil, []string{"old", "kept"}, start)
	if len(admitted) != 2 {
		t.Fatal(admitted)
	}
	now := start.Add(seenFor)
	seen, admitted = admit(seen, []string{"kept", "new"}, now)
	if len(seen) != 2 || seen[0] != (admission{hashed("kept"), start.Unix()}) || !slices.Equal(admitted, []string{"new"}) {
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
	if seen[0].KID != hashed("kept") || seen[0].At != start.Unix() || seen[len(seen)-1].At != now.Unix() {
		t.Error("the oldest that is published and the newest are kept")
	}
}

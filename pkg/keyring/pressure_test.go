package keyring

import (
	"slices"
	"testing"
	"time"
)

// admittedAgo returns n admissions at each of the times before start.
func admittedAgo(n int, ago ...time.Duration) (times []time.Time) {
	for _, d := range ago {
		times = append(times, slices.Repeat([]time.Time{start.Add(-d)}, n)...)
	}
	return times
}

// admittedDaily returns n admissions on each of the days from..to-1 before start.
func admittedDaily(n int, from, to int) (times []time.Time) {
	for i := from; i < to; i++ {
		times = append(times, admittedAgo(n, time.Duration(i)*day+12*time.Hour)...)
	}
	return times
}

// admittedHourly returns n admissions in each of the 24 hours before the last one.
func admittedHourly(n int) (times []time.Time) {
	for i := 1; i < 25; i++ {
		times = append(times, admittedAgo(n, time.Duration(i)*time.Hour+30*time.Minute)...)
	}
	return times
}

// The clauses of contract F78, each alone and together.
func TestThresholds(t *testing.T) {
	t.Parallel()
	ago, daily, hourly := admittedAgo, admittedDaily, admittedHourly
	const a, b, c, d = "a-short-ratio", "b-medium-percentile", "c-long-percentile", "d-proportional-ceiling"
	type times = [][]time.Time
	for name, tc := range map[string]struct {
		admitted times
		want     []string
	}{
		"no keys":               {nil, nil},
		"rotation":              {times{ago(2, 0)}, nil},
		"rotation of many keys": {times{ago(9, 0)}, nil},
		"ten now, none before":  {times{ago(10, 0)}, []string{a, b, c}},
		"ten an hour ago":       {times{ago(10, time.Hour)}, []string{b, c}},
		"ten a day ago":         {times{ago(10, day)}, nil},
		"three times the day's average": {
			times{ago(15, 10*time.Minute), hourly(5), daily(200, 2, 90)}, nil,
		},
		"above three times the day's average": {
			times{ago(16, 10*time.Minute), hourly(5), daily(200, 2, 90)}, []string{a},
		},
		"twice the month's percentile": {
			times{ago(20, 2*time.Hour), daily(10, 1, 31), daily(100, 31, 90)}, nil,
		},
		"above twice the month's percentile": {
			times{ago(21, 2*time.Hour), daily(10, 1, 31), daily(100, 31, 90)}, []string{b},
		},
		"one day of thirty does not raise the percentile": {
			times{ago(21, 2*time.Hour), daily(10, 2, 31), daily(99, 1, 2), daily(100, 31, 90)}, []string{b},
		},
		"two days of thirty raise the percentile": {
			times{ago(21, 2*time.Hour), daily(10, 3, 31), daily(99, 1, 3), daily(100, 31, 90)}, nil,
		},
		"above one and a half times the quarter's highest": {
			times{ago(16, 2*time.Hour), daily(10, 1, 90)}, []string{c},
		},
		"one and a half times the quarter's highest": {
			times{ago(15, 2*time.Hour), daily(10, 1, 90)}, nil,
		},
		"twenty in five minutes": {
			times{ago(20, 4*time.Minute), hourly(10), daily(200, 2, 90)}, nil,
		},
		"twenty-one in five minutes": {
			times{ago(21, 4*time.Minute), hourly(7), daily(200, 60, 90)}, []string{b, d},
		},
		"a tenth of the month's keys": {
			times{ago(30, 4*time.Minute), hourly(11), daily(200, 2, 90)}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := StartingThresholds().Fired(slices.Concat(tc.admitted...), start); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

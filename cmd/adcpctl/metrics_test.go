package main

import (
	"testing"

	"adcp-orchestrator/pkg/client"
)

func TestFiguresAreShownInTheirUnit(t *testing.T) {
	t.Parallel()
	of := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		unit, want, bars string
		values           []*float64
	}{
		{"operations", "39 operations", "██", []*float64{of(41), of(39)}},
		{"seconds", "1h30m", "█·", []*float64{of(5400), nil}},
		{"ratio", "3.1 %", "·█", []*float64{nil, of(0.031)}},
		{"ratio", "0 %", "▁", []*float64{of(0)}},
		{"observations", "-", "·", []*float64{nil}},
	} {
		s := client.Series{Unit: c.unit}
		for _, v := range c.values {
			s.Points = append(s.Points, client.Point{Value: v})
		}
		if last, bars := lastValue(s), spark(s.Points); last != c.want || bars != c.bars {
			t.Errorf("%s: %q %q, want %q %q", c.unit, last, bars, c.want, c.bars)
		}
	}
}

package timeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

var start = time.Date(2026, 11, 24, 9, 12, 3, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

// life is a buy that takes two days, with a person in between.
func life() (client.Operation, []client.Event) {
	op := client.Operation{State: "input_required", CreatedAt: start, Deadline: at(24 * time.Hour)}
	e := []client.Event{
		{Seq: 1, At: start, Kind: "created", Channel: "api", From: "requested", To: "requested",
			Actor: &client.Actor{Type: "api_key", Name: "trading-desk"}},
		{Seq: 2, At: at(0), Kind: "calling", Channel: "orchestrator", From: "requested", To: "calling_adcp"},
		{Seq: 3, At: at(38 * time.Second), Kind: "changed", Channel: "direct", From: "calling_adcp", To: "submitted"},
	}
	for i := range 8 {
		e = append(e, client.Event{Seq: int64(4 + i), At: at(time.Duration(i+1) * 30 * time.Minute), Kind: "seen",
			Channel: "poll", From: "submitted", To: "submitted"})
	}
	return op, append(e,
		client.Event{Seq: 20, At: at(290 * time.Minute), Kind: "changed", Channel: "webhook", From: "submitted",
			To: "working"},
		client.Event{Seq: 21, At: at(24 * time.Hour), Kind: "attention", Channel: "orchestrator", From: "working",
			To: "working", Detail: "deadline_passed"},
		client.Event{Seq: 22, At: at(48 * time.Hour), Kind: "changed", Channel: "webhook", From: "working",
			To: "input_required", AgentMessage: "new dates?"})
}

func TestLinesTellNewsOneByOneAndWaitingInSum(t *testing.T) {
	t.Parallel()
	_, events := life()
	var teller timeline.Teller
	var got []string
	add := func(lines []timeline.Line) {
		for _, l := range lines {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", l.Mark, l.What, l.Note, l.Agent)))
		}
	}
	for _, e := range events {
		add(teller.Tell(e))
	}
	add(teller.Pending(at(51 * time.Hour)))
	want := []string{"+ submitted by trading-desk (key)", "→ call 1", "→ answer: submitted",
		"┆ 4h49m, 8 polls, nothing new", "← webhook: working", "┆ 19h10m", "⚑ needs attention deadline_passed",
		"┆ 24h00m", "← webhook: needs input  new dates?", "┆ 3h00m"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBarCompressesWaitingAndFits(t *testing.T) {
	t.Parallel()
	op, events := life()
	got := timeline.Bar(op, events, at(51*time.Hour), 100)
	for _, want := range []string{"calling", "38s", "submitted", "4h49m", "working", "43h10m", "⚑", "needs input",
		"3h00m"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if a, b := strings.Count(got[:strings.Index(got, "working")], "░"), strings.Count(got, "░"); a == 0 || b < 2*a {
		t.Errorf("longer waiting must be wider, %d of %d: %q", a, b, got)
	}
	for width := 10; width <= 200; width++ {
		bar := timeline.Bar(op, events, at(51*time.Hour), width)
		if n := utf8.RuneCountInString(bar); n > max(width, 30) {
			t.Errorf("width %d: %d columns: %q", width, n, bar)
		}
	}
	op.Ended = &client.Ended{At: at(49 * time.Hour)}
	if ended := timeline.Bar(op, events, at(500*time.Hour), 100); strings.Contains(ended, "d") &&
		strings.Contains(ended, "452h") {
		t.Errorf("an ended operation waits no more: %q", ended)
	}
	if timeline.Bar(client.Operation{State: "requested"}, nil, start, 80) == "" {
		t.Error("an operation without events has a state")
	}
}

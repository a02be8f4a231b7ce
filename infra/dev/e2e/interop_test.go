package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// matrixCell is one buy from a real seller: how it is set up, and how it has to end.
type matrixCell struct {
	transport string
	mode      operation.WebhookMode
	outcome   string
	request   map[string]any
	states    []operation.State // any of them
	by        operation.Channel
}

// Each real seller sells and refuses over each transport, and reports the end on each channel that
// it supports.
func TestInteropMatrix(t *testing.T) {
	python := env(t, "SENDERS_PYTHON")
	var m matrix
	t.Cleanup(func() { t.Log("\n" + m.String()) })
	for name, start := range map[string]func(t *testing.T) realSeller{
		"npm":   demoSeller,
		"pypi":  func(t *testing.T) realSeller { return pypiSeller(t, python) },
		"hello": helloSeller,
	} {
		t.Run(name, func(t *testing.T) { // one seller after the other: one is enough load for two cores
			s := start(t)
			for _, c := range s.cells {
				t.Run(strings.Join([]string{c.transport, string(c.mode), c.outcome}, " "), func(t *testing.T) {
					t.Parallel()
					m.add(s.buy(t, c))
				})
			}
		})
	}
}

// buy makes the buy of a cell, checks it and returns its line of the matrix.
func (s realSeller) buy(t *testing.T, c matrixCell) []string {
	t.Helper()
	line := func(more ...any) []string {
		cols := []string{s.name, c.transport, string(c.mode), c.outcome}
		for _, v := range more {
			cols = append(cols, fmt.Sprint(v))
		}
		return append(cols, make([]string, columns-len(cols))...)
	}
	pollSeconds := 600 // so late that no poll ends the operation
	if c.mode == operation.WebhookNone {
		pollSeconds = 1
	}
	h := newHarness(t, pollSeconds)
	createSecret(t, h.secretName("real"), s.token)
	err := h.PutAgent(t.Context(), "seller", map[string]any{
		"url":            s.urls[c.transport],
		"transport":      c.transport,
		"credential_ref": h.secretName("real"),
		"webhook_mode":   c.mode,
		"brand_json_url": s.brand,
		"poll":           map[string]any{"interval_seconds": pollSeconds},
	})
	if err != nil {
		t.Error(err)
		return line("not registered")
	}
	op, _, err := h.Submit(t.Context(), uuid.NewString(), "seller", "create_media_buy", c.request)
	if err != nil {
		t.Error(err)
		return line("not submitted")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	op, err = h.Follow(ctx, op.ID, client.Published, nil)
	if err != nil {
		t.Errorf("%v\n%s", err, timeline(op))
	}
	if !slices.Contains(c.states, op.State) || op.EndedBy() != c.by {
		t.Errorf("%s by %s, want %v by %s, error %+v\n%s",
			op.State, op.EndedBy(), c.states, c.by, op.AgentError, timeline(op))
	}
	buys, want := s.bought(t, c.request), 0
	if c.outcome == "completed" || c.outcome == "sync" {
		want = 1
	}
	if len(buys) != want {
		t.Errorf("%d buys at the seller, want %d", len(buys), want)
	}
	if want == 1 && !slices.Equal(buys, []string{mediaBuyID(op.Result)}) {
		t.Errorf("the seller sold %v, the result is %s", buys, op.Result)
	}
	seconds := fmt.Sprintf("%.1f", timeToSettle(op).Seconds())
	return line(op.State, op.EndedBy(), seconds, op.Attempts.Polls, op.Attempts.Webhooks, len(buys))
}

func timeToSettle(op httpapi.Operation) time.Duration {
	if op.PublishedAt.IsZero() {
		return time.Since(op.CreatedAt)
	}
	return op.PublishedAt.Sub(op.CreatedAt)
}

// matrix collects the lines of all cells.
type matrix struct {
	mu    sync.Mutex
	lines [][]string
}

func (m *matrix) add(line []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, line)
}

const columns = 10

func (m *matrix) String() string {
	slices.SortFunc(m.lines, slices.Compare)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "seller\ttransport\twebhooks\toutcome\tstate\tended by\tseconds\tpolls\tdelivered\tbuys")
	for _, line := range m.lines {
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	_ = w.Flush()
	return b.String()
}

// allCells returns the cells of a seller that does what ext.adcp_demo says, over every transport
// and in every mode.
func allCells() (cells []matrixCell) {
	modes := []operation.WebhookMode{operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer,
		operation.WebhookNone}
	outcomes := map[string]operation.State{
		"completed": operation.Completed,
		"failed":    operation.Failed,
		"rejected":  operation.Rejected,
	}
	for _, transport := range []string{"mcp", "a2a"} {
		for _, mode := range modes {
			for outcome, state := range outcomes {
				behavior := map[string]any{"outcome": outcome, "delay_ms": 1000}
				c := matrixCell{
					transport: transport,
					mode:      mode,
					outcome:   outcome,
					request:   newBuy(behavior),
					states:    []operation.State{state},
					by:        operation.ByWebhook,
				}
				if mode == operation.WebhookNone {
					behavior["delay_ms"] = 4000 // the first poll finds the task unfinished
					c.by = operation.ByPoll
					if outcome == "rejected" { // sellers report a rejection as failed when they are polled
						c.states = append(c.states, operation.Failed)
					}
				}
				cells = append(cells, c)
			}
		}
	}
	return cells
}

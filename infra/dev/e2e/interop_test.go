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
	path      string // appended to the seller's URL
	mode      operation.WebhookMode
	outcome   string
	request   map[string]any
	states    []operation.State  // any of them; an open one with attention has to stay
	by        operation.Channel  // "" is any
	buys      int                // at the seller
	attention []operation.Reason // those that may be raised
}

func (c matrixCell) String() string {
	return strings.Join([]string{c.transport + c.path, string(c.mode), c.outcome}, " ")
}

// Each real seller sells and refuses over each transport, and reports the end on each channel that
// it supports. No person is asked to look. The part of the matrix in which sellers fail is
// TestPurchaseIsMadeOnceBySDKServersThatFailAfterBuying.
func TestInteropMatrix(t *testing.T) {
	python := env(t, "SENDERS_PYTHON")
	var m matrix
	t.Cleanup(func() { t.Log("\n" + m.String()) })
	for name, start := range map[string]func(t *testing.T) realSeller{
		"npm":   demoSeller,
		"pypi":  func(t *testing.T) realSeller { return pypiSeller(t, python, "3.2,3.1,3.0", allCells()) },
		"hello": helloSeller,
	} {
		t.Run(name, func(t *testing.T) { // one seller after the other: one is enough load for two cores
			s := start(t)
			for _, c := range s.cells {
				t.Run(c.String(), func(t *testing.T) {
					t.Parallel()
					h := newHarness(t, pollSeconds(c))
					id := s.submit(t, h, "seller", c)
					ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
					defer cancel()
					m.add(s.follow(ctx, t, h, c, id))
				})
			}
		})
	}
}

// TestInteropReleases buys from sellers that speak one release only: no other one may be tried for
// long. At 3.0 the SDK has no tool that shows a task: without a webhook only a buy can be found.
// Its A2A card names one all the same, which answers "Unknown skill" in words: a person has to
// look.
func TestInteropReleases(t *testing.T) {
	t.Parallel()
	python := env(t, "SENDERS_PYTHON")
	var m matrix
	t.Cleanup(func() { t.Log("\n" + m.String()) })
	for _, release := range []string{"3.2", "3.1", "3.0"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			s := pypiSeller(t, python, release, nil)
			for _, c := range cellsOf(operation.WebhookRFC9421, operation.WebhookNone) {
				blind := release == "3.0" && c.mode == operation.WebhookNone
				if c.outcome == "rejected" || blind && c.outcome != "completed" {
					continue
				}
				if blind {
					c.attention = []operation.Reason{operation.NoWayToFollowUp}
				}
				if blind && c.transport == "a2a" {
					c.states, c.by = []operation.State{operation.Submitted}, ""
					c.attention = []operation.Reason{operation.AgentUnreached}
				}
				h := newHarness(t, pollSeconds(c))
				id := s.submit(t, h, "seller", c)
				ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
				m.add(s.follow(ctx, t, h, c, id))
				cancel()
			}
		})
	}
}

// pollSeconds is how late the first poll of a cell is.
func pollSeconds(c matrixCell) int {
	if c.mode == operation.WebhookNone {
		return 1
	}
	return 600 // so late that no poll ends the operation
}

// submit registers the seller as an agent and submits the buy of a cell. It returns the operation's
// id, "" if it failed.
func (s realSeller) submit(t *testing.T, h *harness, agent string, c matrixCell) string {
	t.Helper()
	if !s.register(t, h, agent, c) {
		return ""
	}
	op, _, err := h.Submit(t.Context(), uuid.NewString(), agent, "create_media_buy", c.request)
	if err != nil {
		t.Errorf("%s: %v", c, err)
	}
	return op.ID
}

// register registers the seller as a cell says. It returns false if that failed.
func (s realSeller) register(t *testing.T, h *harness, agent string, c matrixCell) bool {
	t.Helper()
	createSecret(t, h.secretName("real"), s.token)
	err := h.PutAgent(t.Context(), agent, map[string]any{
		"url":            s.urls[c.transport] + c.path,
		"transport":      c.transport,
		"credential_ref": h.secretName("real"),
		"webhook_mode":   c.mode,
		"brand_json_url": s.brand,
		"poll":           map[string]any{"interval_seconds": pollSeconds(c)},
	})
	if err != nil {
		t.Errorf("%s: %v", c, err)
	}
	return err == nil
}

// follow waits until the operation of a cell has ended or stands as the cell says, checks it, and
// returns its line of the matrix.
func (s realSeller) follow(ctx context.Context, t *testing.T, h *harness, c matrixCell, id string) []string {
	t.Helper()
	if id == "" {
		t.Error("not submitted")
		return make([]string, columns)
	}
	op, err := h.Follow(ctx, id, c.isOver, nil)
	if err != nil {
		late := err
		if op, err = h.Get(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if !c.isOver(op) { // else another cell took all the time
			t.Errorf("%v\n%s", late, timeline(op))
		}
	}
	if !slices.Contains(c.states, op.State) || c.by != "" && op.EndedBy() != c.by {
		t.Errorf("%s by %s, want %v by %s, error %+v\n%s",
			op.State, op.EndedBy(), c.states, c.by, op.AgentError, timeline(op))
	}
	for _, e := range op.Events {
		if e.Kind == operation.EventAttention && !slices.Contains(c.attention, operation.Reason(e.Detail)) {
			t.Errorf("attention %s, want one of %q\n%s", e.Detail, c.attention, timeline(op))
		}
	}
	if op.State.Terminal() && op.Attention != nil {
		t.Errorf("attention %+v after the end", op.Attention)
	}
	buys := s.bought(t, c.request)
	if len(buys) != c.buys {
		t.Errorf("%d buys at the seller, want %d", len(buys), c.buys)
	}
	if op.State == operation.Completed && !slices.Equal(buys, []string{mediaBuyID(op.Result)}) {
		t.Errorf("the seller sold %v, the result is %s", buys, op.Result)
	}
	line := []string{s.name, c.transport + c.path, string(c.mode), c.outcome}
	for _, v := range []any{op.State, op.EndedBy(), fmt.Sprintf("%.1f", timeToSettle(op).Seconds()),
		op.Attempts.Calls, op.Attempts.Polls, op.Attempts.Webhooks, len(buys)} {
		line = append(line, fmt.Sprint(v))
	}
	return line
}

// isOver reports whether nothing more is to be expected of a cell's operation: its end is
// published, or it stands open with its attention, and was taken up often enough to call the agent
// again.
func (c matrixCell) isOver(op httpapi.Operation) bool {
	if op.State.Terminal() || !slices.Contains(c.states, op.State) {
		return client.Published(op)
	}
	return op.Attention != nil && slices.Contains(c.attention, op.Attention.Reason) &&
		op.Attempts.Calls+op.Attempts.Polls >= 4
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

const columns = 11

func (m *matrix) String() string {
	slices.SortFunc(m.lines, slices.Compare)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "seller\ttransport\twebhooks\toutcome\tstate\tended by\tseconds\tcalls\tpolls\tdelivered\tbuys")
	for _, line := range m.lines {
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	_ = w.Flush()
	return b.String()
}

// allCells returns the cells of a seller that does what ext.adcp_demo says, over every transport
// and in every mode.
func allCells() []matrixCell {
	return cellsOf(operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer, operation.WebhookNone)
}

func cellsOf(modes ...operation.WebhookMode) (cells []matrixCell) {
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
				if state == operation.Completed {
					c.buys = 1
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

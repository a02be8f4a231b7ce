package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// changeSeller takes changes of a media buy and works on each for ten minutes. It deduplicates.
type changeSeller struct {
	now  func() time.Time
	keys []string // of the changes, in the order in which it first heard of them
	sent []string // the changes by their number, with those still in work: "2 in 1" is overtaking
	done []time.Time
	with []string // the tool of each
}

func (*changeSeller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	p := registry.Profile{PollTool: "get_task_status"}
	p.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
	return p, nil
}

func (s *changeSeller) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	var in struct {
		Key      string `json:"idempotency_key"`
		TaskID   string `json:"task_id"`
		Revision int    `json:"revision"`
	}
	if err := json.Unmarshal(arguments, &in); err != nil {
		return adcp.Response{}, err
	}
	if tool == "get_task_status" {
		var n int
		if _, err := fmt.Sscanf(in.TaskID, "task_%d", &n); err != nil {
			return adcp.Response{}, err
		}
		status := adcp.StatusWorking
		if !s.now().Before(s.done[n]) {
			status = adcp.StatusCompleted
		}
		return response(`{"status":%q,"task_id":%q,"task_type":%q,"result":{"media_buy_id":"mb_1"}}`,
			status, in.TaskID, s.with[n]), nil
	}
	n := slices.Index(s.keys, in.Key)
	if n < 0 {
		n = len(s.keys)
		change := fmt.Sprint(in.Revision)
		if n > 0 && s.now().Before(s.done[n-1]) {
			change += " in " + fmt.Sprint(n-1)
		}
		s.with = append(s.with, tool)
		s.keys, s.sent, s.done = append(s.keys, in.Key), append(s.sent, change), append(s.done, s.now().Add(10*time.Minute))
	}
	return response(`{"status":"submitted","task_id":"task_%d"}`, n), nil
}

// playChanges submits three changes of one buy, of which two wait, and returns them.
func playChanges(t *testing.T, c *Crash) (*changeSeller, []operation.Operation) {
	t.Helper()
	w := New(definition(t), &Seller{}, c)
	s := &changeSeller{now: w.Now}
	w.Caller = s
	var all []operation.Operation
	for i := range 3 {
		op, err := w.submit(t.Context(), Tenant, fmt.Sprint("key-", i), fmt.Appendf(nil, `{"agent_id":%q,
			"type":%q,"on_conflict":"wait",
			"request":{"account":{"account_id":"a"},"media_buy_id":"mb_1","revision":%d,"paused":true}}`,
			Agent, []string{"update_media_buy", "control_media_buy"}[i%2], i+1))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, op)
	}
	if err := w.Run(t.Context(), 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		var err error
		if all[i], err = w.Store.Get(t.Context(), Tenant, all[i].ID); err != nil {
			t.Fatal(err)
		}
	}
	return s, all
}

// Changes of one buy reach the agent one after the other, in the order in which they were accepted,
// whatever process is killed just before or just after any of its effects.
func TestChangesOfOneBuyKeepTheirOrderWhenKilled(t *testing.T) {
	t.Parallel()
	points := 0
	for _, before := range []bool{true, false} {
		for at := 0; ; at++ {
			c := &Crash{At: at, Before: before}
			s, all := playChanges(t, c)
			for i, op := range all {
				if op.State != operation.Completed || op.PublishedAt.IsZero() || op.WaitsFor != "" {
					t.Errorf("change %d is %s, waits for %q", i, op.State, op.WaitsFor)
				}
			}
			if !slices.Equal(s.sent, []string{"1", "2", "3"}) {
				t.Errorf("the agent got %q", s.sent)
			}
			if t.Failed() {
				t.Fatalf("killed %s (effect %d)", c.KilledAt, at)
			}
			if at > 0 && c.KilledAt == "" {
				break
			}
			points++
		}
	}
	if points < 40 {
		t.Errorf("only %d points to be killed at", points)
	}
}

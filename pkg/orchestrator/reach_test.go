package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// manyAgents are agents of which one may be down.
type manyAgents struct {
	down  string
	calls map[string]int
}

func (m *manyAgents) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	p := registry.Profile{PollTool: "get_task_status"}
	p.Capabilities.Idempotency.Support = adcp.Supported
	return p, nil
}

func (m *manyAgents) Call(_ context.Context, a registry.Agent, _ string, _ json.RawMessage) (adcp.Response, error) {
	m.calls[a.ID]++
	if a.ID == m.down {
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("refused")}
	}
	return answerWith(fmt.Sprintf(`{"status":"submitted","task_id":"%s_%d"}`, a.ID, m.calls[a.ID])), nil
}

// contract M4: an open circuit makes operations wait and fails none. One call finds out when the
// agent is back. The operations with other agents go on.
func TestOutageOfOneAgent(t *testing.T) {
	t.Parallel()
	agents := &manyAgents{down: "sick", calls: map[string]int{}}
	h := newHarnessWith(t, agents, buySubmission)
	h.register("sick")
	h.register("well")
	buy := func(agent string, n int) string {
		t.Helper()
		submission := strings.Replace(buySubmission, `"seller"`, `"`+agent+`"`, 1)
		return h.submit(submission, fmt.Sprint(agent, n)).ID
	}
	run := func(id string) (operation.Decision, operation.Operation) {
		t.Helper()
		at := h.at
		h.id = id
		d := h.dispatch()
		h.at = at // the operations run at the same time
		return d, h.op()
	}
	var waiting []string
	for n := range 20 {
		id := buy("sick", n)
		waiting = append(waiting, id)
		d, op := run(id)
		asked := op.State == operation.CallingAdCP || n >= circuit.Default.Failures && op.State == operation.Requested
		if d.Next != operation.NextRetry || !asked || op.Error != nil || op.Call.Unclear {
			t.Fatalf("operation %d: %+v, %s", n, d, op.State)
		}
		if d, op := run(buy("well", n)); op.State != operation.Submitted || d.Next != operation.NextAwait {
			t.Fatalf("an operation with the other agent: %+v, %s", d, op.State)
		}
	}
	if agents.calls["sick"] != circuit.Default.Failures || agents.calls["well"] != 20 {
		t.Errorf("calls: %v", agents.calls)
	}
	h.at = h.at.Add(time.Minute) // the circuit lets one call through, which fails
	for _, id := range waiting {
		run(id)
	}
	if agents.calls["sick"] != circuit.Default.Failures+1 {
		t.Errorf("%d calls of an agent that is still down", agents.calls["sick"])
	}
	agents.down = ""
	h.at = h.at.Add(time.Hour)
	// The probe's answer makes room for the first in line, and each of them for others: whoever comes
	// before he is given a slot comes again.
	for range 2 {
		for _, id := range waiting {
			if h.id = id; h.op().State != operation.Submitted {
				run(id)
			}
		}
	}
	for _, id := range waiting {
		if h.id = id; h.op().State != operation.Submitted || h.op().Attention != nil {
			t.Errorf("after the outage: %s, %+v", h.op().State, h.op().Attention)
		}
	}
	if calls := agents.calls["sick"] - circuit.Default.Failures - 1; calls != len(waiting) {
		t.Errorf("%d calls for %d operations", calls, len(waiting))
	}
}

package main

import (
	"encoding/json"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// now is the time of every test.
var now = time.Date(2026, 11, 26, 12, 4, 35, 0, time.UTC)

func clock() time.Time { return now }

func ago(d time.Duration) time.Time { return now.Add(-d) }

// The operations of the tests' world.
const (
	opAsks     = "op_aq2mz4kxn3w5v6y2b4t7h3c5da" // needs an answer
	opUnclear  = "op_b5tr2wpaxn3w5v6y2b4t7h3c5d" // its outcome is not known
	opWorking  = "op_c2mm7vdxrn3w5v6y2b4t7h3c5d" // goes on by itself
	opDone     = "op_d3kk7vdxrn3w5v6y2b4t7h3c5d"
	opFailed   = "op_e4zj6hxkwn3w5v6y2b4t7h3c5d"
	opRejected = "op_f5yy6hxkwn3w5v6y2b4t7h3c5d"
	opCanceled = "op_g6xx6hxkwn3w5v6y2b4t7h3c5d"
	opUnknown  = "op_zzzz6hxkwn3w5v6y2b4t7h3c5d" // there is none
)

// The API keys of the world.
const (
	keyDesk   = "key_ovygeydmnbqck3lp" // with every scope
	keyReader = "key_ontweydaor2w22do"
)

// all are the ids of the world's operations, the newest first.
var all = []string{opUnclear, opWorking, opDone, opFailed, opRejected, opCanceled, opAsks}

// hostile is what an agent writes to take over a terminal, or a reader.
const hostile = "Approve, or tell us <b>new dates</b>.\x1b[2J\n$ rm -rf /  \u202egnp.exe\u2066\u200b\u009b31m"

const hostileJSON = `"Approve, or tell us <b>new dates</b>.\u001b[2J\n$ rm -rf /  \u202egnp.exe\u2066\u200b\u009b31m"`

// buyRequest is the request of every operation of the world.
const buyRequest = `{"account":{"account_id":"acct_a"},"brand":{"domain":"acme.example"},` +
	`"start_time":"2027-04-01T00:00:00Z","end_time":"2027-06-30T23:59:59Z",` +
	`"packages":[{"product_id":"prod_1","budget":1000,"pricing_option_id":"po_cpm"}]}`

// seed fills the store.
func (s *server) seed(t *testing.T) {
	t.Helper()
	for i, name := range []string{"nova-retail", "pinnacle-dooh", "seller", "harbor"} {
		agent := registry.Agent{Tenant: "acme", ID: name, URL: "https://" + name + ".example/mcp", Transport: adcp.MCP,
			WebhookMode: operation.WebhookRFC9421, Version: 1, CreatedAt: ago(time.Duration(720+i) * time.Hour),
			UpdatedAt: ago(72 * time.Hour)}
		if err := s.store.PutAgent(t.Context(), agent); err != nil {
			t.Fatal(err)
		}
		if name == "pinnacle-dooh" {
			s.refuse(t, agent)
		}
	}
	s.quarantine(t)
	prompt, _ := json.Marshal(map[string]string{"reason": "APPROVAL_REQUIRED", "message": hostile})
	asks := s.operation(opAsks, "nova-retail", "PO-2026-1187", operation.InputRequired, 51*time.Hour)
	asks.TaskID, asks.ContextID = "tk_7f31c0", "ctx_90a1"
	asks.Attention = &operation.Attention{Reason: operation.InputNeeded, Since: ago(171 * time.Minute)}
	asks.InputRequest = operation.InputRequest{Generation: 2, Since: ago(171 * time.Minute), Prompt: prompt,
		Continuation: adcp.Continuation{TaskID: "tk_7f31c0", ContextID: "ctx_90a1"}}
	asks.Webhook.TokenHash = kept.Arrival.TokenHash
	s.put(t, asks, nil, s.life()...)

	unclear := s.operation(opUnclear, "pinnacle-dooh", "PO-2026-1193", operation.CallingAdCP, 83*time.Minute)
	unclear.Call = operation.Call{Attempts: 1, Unclear: true}
	unclear.Attention = &operation.Attention{Reason: operation.OutcomeUnclear, Since: ago(82 * time.Minute),
		Detail: "not sent again, 2 look-ups found nothing"}
	s.put(t, unclear, nil)

	working := s.operation(opWorking, "seller", "PO-2026-1160", operation.Working, 20*time.Hour)
	working.TaskID, working.NotBefore = "tk_81", now.Add(3*time.Minute)
	s.put(t, working, nil)
	ends := []struct {
		id, po string
		state  operation.State
	}{{opDone, "PO-2026-1101", operation.Completed}, {opFailed, "PO-2026-1102", operation.Failed},
		{opRejected, "PO-2026-1103", operation.Rejected}, {opCanceled, "PO-2026-1104", operation.Canceled}}
	for i, e := range ends {
		op := s.operation(e.id, "seller", e.po, e.state, time.Duration(30+i)*time.Hour)
		op.Terminal = &operation.Terminal{Channel: operation.ByWebhook, At: op.CreatedAt.Add(time.Hour)}
		op.PublishedAt = op.Terminal.At
		result := json.RawMessage(nil)
		if e.state == operation.Completed {
			op.MediaBuyID, result = "mb_1", json.RawMessage(`{"media_buy_id":"mb_1","note":"\u001b[31mred\u202e"}`)
		} else {
			op.Error = &adcp.Error{Code: "BUDGET_TOO_LOW", Message: hostile}
		}
		s.put(t, op, result, operation.Event{At: op.Terminal.At, Kind: operation.EventChanged, Channel: operation.ByWebhook,
			From: operation.Submitted, To: e.state})
	}
	s.tell(t)
}

// refuse has an agent's last call refused, so that its circuit is open.
func (s *server) refuse(t *testing.T, a registry.Agent) {
	t.Helper()
	answer, err := newBreaker(s.store).Allow(t.Context(), breaker.Call{Tenant: a.Tenant, AgentKey: a.CircuitKey(),
		Origin: a.Origin(), OperationID: opUnclear, Created: now})
	if err != nil {
		t.Fatal(err)
	}
	answer.Permit.Report(t.Context(), breaker.Report{Result: breaker.ResultDenied, Status: 401})
}

// The quarantined deliveries: of the agent, and of anybody.
var (
	kept = inbox.Quarantined{Tenant: "acme", AgentID: "nova-retail", OperationID: opAsks, At: ago(62 * time.Minute),
		Authentic: true, Code: "task_id_mismatch", Reason: "the delivery names another task", Digest: "9c1f04d2", Size: 812,
		TaskID: "tk_7f31c0", Status: "working", BodyKept: true, Arrival: inbox.Arrival{TokenHash: "h"},
		Body: []byte(`{"idempotency_key":"wh_0123456789abcdef","operation_id":"` + opAsks + `",` +
			`"task_id":"tk_7f31c0","task_type":"create_media_buy",` +
			`"protocol":"media-buy","status":"working","timestamp":"2026-11-26T11:02:35Z","message":` + hostileJSON + `}`)}
	stranger = inbox.Quarantined{Tenant: "acme", AgentID: "nova-retail", OperationID: opDone, At: ago(25 * time.Hour),
		Code: "webhook_signature_required", Reason: "the delivery has no signature", Digest: "77aa04d2", Size: 12}
)

func (s *server) quarantine(t *testing.T) {
	t.Helper()
	for _, q := range []inbox.Quarantined{kept, stranger, stranger} {
		if err := s.store.Quarantine(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *server) operation(id, agent, po string, state operation.State, age time.Duration) operation.Operation {
	created := ago(age)
	return operation.Operation{Tenant: "acme", ID: id, Type: adcp.CreateMediaBuy, AgentID: agent, State: state, Version: 1,
		PONumber: po, IdempotencyKeyPrefix: "1f0c9d2a", Counted: true,
		Webhook:  operation.WebhookConfig{Mode: operation.WebhookRFC9421},
		Target:   operation.Target{URL: "https://" + agent + ".example/mcp", Transport: adcp.MCP},
		Deadline: created.Add(24 * time.Hour), FollowUntil: created.Add(90 * 24 * time.Hour), CreatedAt: created,
		UpdatedAt: created.Add(time.Minute), Call: operation.Call{Attempts: 1}}
}

// put stores an operation as its changes would have.
func (s *server) put(t *testing.T, op operation.Operation, result json.RawMessage, events ...operation.Event) {
	t.Helper()
	created := operation.Event{Seq: 1, At: op.CreatedAt, Kind: operation.EventCreated, Channel: operation.ByAPI,
		From: operation.Requested, To: operation.Requested,
		Actor: &operation.Actor{Type: operation.ActorAPIKey, ID: "k", Name: "trading-desk"}}
	first := op
	first.State, first.Terminal, first.PublishedAt = operation.Requested, nil, time.Time{}
	err := s.store.Create(t.Context(), orchestrator.NewOperation{Op: first, Request: json.RawMessage(buyRequest),
		KeyHash: "hash-" + op.ID, Event: created})
	if err != nil {
		t.Fatal(err)
	}
	op.Version, op.Counted = 2, !op.State.Terminal()
	for i := range events {
		events[i].Seq = int64(i + 2)
	}
	if err := s.store.Commit(t.Context(), operation.Change{Op: op, Events: events, Result: result,
		Uncount: !op.Counted}); err != nil {
		t.Fatal(err)
	}
}

// life is the timeline of an operation of two days.
func (s *server) life() []operation.Event {
	start := ago(51 * time.Hour)
	at := func(d time.Duration, kind operation.EventKind, c operation.Channel, from, to operation.State) operation.Event {
		return operation.Event{At: start.Add(d), Kind: kind, Channel: c, From: from, To: to}
	}
	events := []operation.Event{
		at(0, operation.EventCalling, operation.ByOrchestrator, operation.Requested, operation.CallingAdCP),
		at(38*time.Second, operation.EventChanged, operation.ByAnswer, operation.CallingAdCP, operation.Submitted),
	}
	for i := range 8 {
		events = append(events, at(time.Duration(i+1)*30*time.Minute, operation.EventSeen, operation.ByPoll,
			operation.Submitted, operation.Submitted))
	}
	deadline := at(24*time.Hour, operation.EventAttention, operation.ByOrchestrator, operation.Working, operation.Working)
	deadline.Detail = "deadline_passed"
	asked := at(51*time.Hour-171*time.Minute, operation.EventChanged, operation.ByWebhook, operation.Working,
		operation.InputRequired)
	asked.AgentMessage = hostile
	return append(events, at(290*time.Minute, operation.EventChanged, operation.ByWebhook, operation.Submitted,
		operation.Working), deadline, asked)
}

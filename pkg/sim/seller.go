package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// Seller is a scripted sales agent. The zero value answers submitted, completes its work after a
// minute and sends no webhook.
type Seller struct {
	// Sync answers at once instead of submitted.
	Sync bool
	// Takes is how long the work takes; Outcome is its end, completed by default.
	Duration time.Duration
	Outcome  adcp.Status
	// Webhook sends the end as a webhook. Early sends it before the call's own answer; Mute leaves
	// operation_id out.
	Webhook, Early, OmitOperationID bool
	// Forgetful does not deduplicate by idempotency key, and says so.
	NoIdempotency bool
	// TTL is how long a key is replayed, 24 h by default. After that the same key buys again.
	TTL time.Duration
	// NoPolling offers no polling tool. ListsBuys offers get_media_buys.
	NoPolling, ListsBuys bool
	// Lists says how its lists differ from those of other sellers, and whether it lists tasks.
	Lists Lists
	// Extras are members that its answers have besides those that prove something, by channel.
	Extras map[Channel][]string
	// Fail makes a call fail: before it is carried out, or after. It gets the tool and the number of
	// the call, from 1.
	Fail func(tool string, call int) (before, after error)

	// Refuse answers a call with an AdCP error instead of carrying it out.
	Refuse func(tool string, call int) *adcp.Error

	// Purchases counts what was bought, by idempotency key; Calls counts calls by tool; Keys are the
	// idempotency keys of polls.
	Purchases map[string]int
	Calls     map[string]int
	Keys      []string

	// prefix makes this seller's media buys different from another's. Task ids are not different.
	prefix string
	// shapeTask, if set, changes a task as it begins. webhooksOf, if set, returns what the seller
	// sends instead of the webhook of a task's end.
	shapeTask  func(*task)
	webhooksOf func(*task, outgoing) []outgoing

	others []otherBuy // that the seller has besides those of its tasks
	now    func() time.Time
	send   func(i int) // sends an item of the outbox at once
	tasks  map[string]*task
	byKey  map[string]*task
	outbox []outgoing
}

var _ registry.Caller = (*Seller)(nil)

// Calls that went wrong before and after they were carried out.
var (
	Unsent = &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("refused")}
	Lost   = &adcp.CallError{Outcome: adcp.Ambiguous, Cause: errors.New("reset")}
)

// errContinuationLost is how pkg/agent reports the JSON-RPC error of an A2A agent that does not
// know the task.
var errContinuationLost = &adcp.CallError{
	Outcome: adcp.Refused, Code: adcp.ContinuationLost, Cause: errors.New("no such task"),
}

func (s *Seller) init(now func() time.Time) {
	s.now, s.tasks, s.byKey = now, map[string]*task{}, map[string]*task{}
	s.Purchases, s.Calls = map[string]int{}, map[string]int{}
	if s.Outcome == "" {
		s.Outcome = adcp.StatusCompleted
	}
	if s.Duration == 0 {
		s.Duration = time.Minute
	}
	if s.TTL == 0 {
		s.TTL = 24 * time.Hour
	}
}

// Discover implements registry.Caller.
func (s *Seller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	if err, _ := s.failure("tools/list"); err != nil {
		return registry.Profile{}, err
	}
	p := registry.Profile{PollTool: "get_task_status"}
	p.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: s.TTL}
	if s.NoPolling {
		p.PollTool = ""
	}
	if s.ListsBuys {
		p.Tasks = []string{"create_media_buy", "buy_products", "accept_proposal", "get_media_buys"}
	}
	if s.Lists.Tasks {
		p.ListTool = "list_tasks"
	}
	if s.NoIdempotency {
		p.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Unsupported}
	}
	return p, nil
}

func (s *Seller) failure(tool string) (before, after error) {
	s.Calls[tool]++
	if s.Fail == nil {
		return nil, nil
	}
	return s.Fail(tool, s.Calls[tool])
}

// callArguments are the arguments of a call, as far as the seller reads them.
type callArguments struct {
	Key    string `json:"idempotency_key"`
	TaskID string `json:"task_id"`
	PO     string `json:"po_number"`
	// OrderRef is what newer tools call a purchase order, Proposal what an acceptance accepts.
	OrderRef string `json:"purchase_order_ref"`
	Proposal string `json:"proposal_id"`
	Account  struct {
		ID string `json:"account_id"`
	} `json:"account"`
	// Context is of a purchase, Statuses and IDs of a question for buys, Filters of one for tasks.
	Context  json.RawMessage `json:"context"`
	Statuses []string        `json:"status_filter"`
	IDs      []string        `json:"media_buy_ids"`
	Filters  struct {
		Text string `json:"context_contains"`
	} `json:"filters"`
	Push struct {
		URL         string `json:"url"`
		OperationID string `json:"operation_id"`
		Token       string `json:"token"`
	} `json:"push_notification_config"`
}

// Call implements registry.Caller.
func (s *Seller) Call(
	_ context.Context, a registry.Agent, tool string, arguments json.RawMessage,
) (adcp.Response, error) {
	before, after := s.failure(tool)
	if before != nil {
		return adcp.Response{}, before
	}
	if s.Refuse != nil {
		if e := s.Refuse(tool, s.Calls[tool]); e != nil {
			return adcp.Response{Err: e}, nil
		}
	}
	var in callArguments
	if err := json.Unmarshal(arguments, &in); err != nil {
		return adcp.Response{}, err
	}
	switch tool {
	case "get_task_status":
		s.Keys = append(s.Keys, in.Key)
		return s.unlessRefused(s.Lists.PollsToo, in, s.pollAnswer), after
	case "get_media_buys":
		s.Keys = append(s.Keys, in.Key)
		return s.unlessRefused(s.Lists.RefusesAccount, in, s.listBuys), after
	case "list_tasks":
		s.Keys = append(s.Keys, in.Key)
		return s.unlessRefused(s.Lists.RefusesAccount, in, s.listTasks), after
	}
	if a.ContinueTask != (adcp.Continuation{}) {
		r, err := s.continueTask(a.ContinueTask, in.Key)
		if err == nil && after != nil {
			return adcp.Response{}, after
		}
		return r, err
	}
	t, replayed := s.byKey[in.Key], true
	if t == nil || s.NoIdempotency || s.now().Sub(t.begun) > s.TTL {
		t, replayed = s.begin(tool, in), false
	}
	if after != nil {
		return adcp.Response{}, after
	}
	if t.prompts > 0 {
		return t.prompt(0, replayed), nil
	}
	return s.accepted(t, replayed), nil
}

// continueTask takes the answer to a prompt. The same key gets the same response again. Any other
// key finds the prompt answered.
func (s *Seller) continueTask(at adcp.Continuation, key string) (adcp.Response, error) {
	t := s.tasks[strings.TrimPrefix(at.ContextID, "ctx-")]
	if t == nil {
		return adcp.Response{}, errContinuationLost
	}
	if r, ok := t.responses[key]; ok && !s.NoIdempotency {
		return r, nil
	}
	if t.refused || t.approved || at.TaskID != fmt.Sprintf("a2a-%s-%d", t.id, t.answered) {
		return adcp.Response{}, errContinuationLost
	}
	var r adcp.Response
	if t.answered++; t.answered < t.prompts {
		r = t.prompt(t.answered, false)
	} else {
		s.approve(t)
		r = s.accepted(t, false)
	}
	if t.responses == nil {
		t.responses = map[string]adcp.Response{}
	}
	t.responses[key], s.byKey[key] = r, t
	return r, nil
}

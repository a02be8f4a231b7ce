package sim

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Seller is a scripted sales agent. The zero value answers submitted, and is done after a minute, without a webhook.
type Seller struct {
	// Sync answers at once instead of submitted.
	Sync bool
	// Takes is how long the work takes; Outcome is its end, completed by default.
	Takes   time.Duration
	Outcome adcp.Status
	// Webhook sends the end as a webhook. Early sends it before the call's own answer; Mute leaves operation_id out.
	Webhook, Early, Mute bool
	// Forgetful does not deduplicate by idempotency key, and says so.
	Forgetful bool
	// TTL is how long a key is replayed, 24 h by default. After that the same key buys again.
	TTL time.Duration
	// NoPolling offers no polling tool.
	NoPolling bool
	// Fail makes a call fail: before it is carried out, or after. It sees the tool and how often it was called.
	Fail func(tool string, call int) (before, after error)

	// Refuse makes a call answered with an AdCP error instead of carried out.
	Refuse func(tool string, call int) *adcp.Error

	// Purchases counts what was bought, by idempotency key; Calls counts calls by tool; Keys are the keys of polls.
	Purchases map[string]int
	Calls     map[string]int
	Keys      []string

	// Whose it is: nobody else's purchases are called like its own. Its tasks are.
	name string
	// shape, if set, changes a task as it begins; post, if set, says what is really sent of a task's end.
	shape func(*task)
	post  func(*task, outgoing) []outgoing

	now    func() time.Time
	send   func(i int) // sends an item of the outbox at once
	tasks  map[string]*task
	byKey  map[string]*task
	outbox []outgoing
}

type task struct {
	id, operation, url, token string
	key, po                   string
	sync                      bool
	outcome                   adcp.Status
	begun, done               time.Time

	// asks is how often the seller asks before it buys, asked how often it has been answered; named: it tells the task's id when it asks. approved is
	// when it has bought; dead: it never will.
	asks, asked    int
	named          bool
	takes          time.Duration
	approved, dead bool
	// replies are what was said to whoever answered, by key.
	replies map[string]adcp.Response
}

type outgoing struct {
	at    time.Time
	url   string
	body  []byte
	tries int
	now   bool // before anything else happens
}

var _ registry.Caller = (*Seller)(nil)

func (s *Seller) init(now func() time.Time) {
	s.now, s.tasks, s.byKey = now, map[string]*task{}, map[string]*task{}
	s.Purchases, s.Calls = map[string]int{}, map[string]int{}
	if s.Outcome == "" {
		s.Outcome = adcp.StatusCompleted
	}
	if s.Takes == 0 {
		s.Takes = time.Minute
	}
	if s.TTL == 0 {
		s.TTL = 24 * time.Hour
	}
}

// Discover implements orchestrator.Caller.
func (s *Seller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	if err, _ := s.failure("tools/list"); err != nil {
		return registry.Profile{}, err
	}
	p := registry.Profile{PollTool: "get_task_status", Capabilities: adcp.Capabilities{Idempotency: adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: s.TTL}}}
	if s.NoPolling {
		p.PollTool = ""
	}
	if s.Forgetful {
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

// Call implements orchestrator.Caller.
func (s *Seller) Call(_ context.Context, a registry.Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
	before, after := s.failure(tool)
	if before != nil {
		return adcp.Response{}, before
	}
	if s.Refuse != nil {
		if e := s.Refuse(tool, s.Calls[tool]); e != nil {
			return adcp.Response{Err: e}, nil
		}
	}
	var in struct {
		Key    string `json:"idempotency_key"`
		TaskID string `json:"task_id"`
		PO     string `json:"po_number"`
		Push   struct {
			URL         string `json:"url"`
			OperationID string `json:"operation_id"`
			Token       string `json:"token"`
		} `json:"push_notification_config"`
	}
	if err := json.Unmarshal(arguments, &in); err != nil {
		return adcp.Response{}, err
	}
	if tool == "get_task_status" {
		s.Keys = append(s.Keys, in.Key)
		return s.status(in.TaskID), after
	}
	if a.ContinueTask != (adcp.Continuation{}) {
		r, err := s.answered(a.ContinueTask, in.Key)
		if err == nil && after != nil {
			return adcp.Response{}, after
		}
		return r, err
	}
	t, replayed := s.byKey[in.Key], true
	if t == nil || s.Forgetful || s.now().Sub(t.begun) > s.TTL {
		t = &task{id: fmt.Sprintf("task_%d", len(s.tasks)+1), operation: in.Push.OperationID, url: in.Push.URL, token: in.Push.Token, key: in.Key, po: in.PO,
			sync: s.Sync, outcome: s.Outcome, begun: s.now(), done: s.now().Add(s.Takes)}
		if s.shape != nil {
			s.shape(t)
		}
		replayed = false
		t.takes = t.done.Sub(t.begun)
		s.tasks[t.id], s.byKey[in.Key] = t, t
		if t.asks == 0 {
			s.approve(t)
		}
	}
	if after != nil {
		return adcp.Response{}, after
	}
	if t.asks > 0 {
		return t.question(0, replayed), nil
	}
	return s.begun(t, replayed), nil
}

// begun is the answer to a request that was taken.
func (s *Seller) begun(t *task, replayed bool) adcp.Response {
	if t.sync {
		return payload(fmt.Sprintf(`{"status":"completed","media_buy_id":"mb_%s%s","packages":[],"replayed":%v}`, s.name, t.id, replayed))
	}
	return payload(fmt.Sprintf(`{"status":"submitted","task_id":%q,"replayed":%v}`, t.id, replayed))
}

// approve lets the seller's work begin.
func (s *Seller) approve(t *task) {
	t.approved, t.done = true, s.now().Add(t.takes)
	s.Purchases[t.key]++
	if s.Webhook && t.url != "" {
		s.push(t)
	}
}

// question is what the seller asks for the nth time.
func (t *task) question(n int, replayed bool) adcp.Response {
	named := ""
	if t.named {
		named = fmt.Sprintf(`"task_id":%q,`, t.id)
	}
	r := payload(fmt.Sprintf(`{"status":"input-required",%s"message":"question %d","replayed":%v}`, named, n+1, replayed))
	r.Continuation = adcp.Continuation{TaskID: fmt.Sprintf("a2a-%s-%d", t.id, n), ContextID: "ctx-" + t.id}
	return r
}

// answered takes an answer to a question. By the same key it says the same again; any other finds the question answered.
func (s *Seller) answered(on adcp.Continuation, key string) (adcp.Response, error) {
	t := s.tasks[strings.TrimPrefix(on.ContextID, "ctx-")]
	if t == nil {
		return adcp.Response{}, lostWay
	}
	if r, ok := t.replies[key]; ok && !s.Forgetful {
		return r, nil
	}
	if t.dead || t.approved || on.TaskID != fmt.Sprintf("a2a-%s-%d", t.id, t.asked) {
		return adcp.Response{}, lostWay
	}
	var r adcp.Response
	if t.asked++; t.asked < t.asks {
		r = t.question(t.asked, false)
	} else {
		s.approve(t)
		r = s.begun(t, false)
	}
	if t.replies == nil {
		t.replies = map[string]adcp.Response{}
	}
	t.replies[key], s.byKey[key] = r, t
	return r, nil
}

// lostWay is what an A2A agent's JSON-RPC error becomes that does not know the task.
var lostWay = &adcp.CallError{Outcome: adcp.Refused, Code: adcp.ContinuationLost, Cause: errors.New("no such task")}

func (s *Seller) status(id string) adcp.Response {
	t := s.tasks[id]
	if t == nil {
		return adcp.Response{Err: &adcp.Error{Code: "REFERENCE_NOT_FOUND", Recovery: adcp.Correctable}}
	}
	if !t.approved {
		return payload(fmt.Sprintf(`{"status":"input-required","task_id":%q,"task_type":"create_media_buy"}`, id))
	}
	if s.now().Before(t.done) {
		return payload(fmt.Sprintf(`{"status":"working","task_id":%q,"task_type":"create_media_buy"}`, id))
	}
	return payload(fmt.Sprintf(`{"status":%q,"task_id":%q,"task_type":"create_media_buy","result":%s}`, t.outcome, id, s.result(t)))
}

func (s *Seller) result(t *task) string {
	if t.outcome != adcp.StatusCompleted {
		return `{"errors":[{"code":"POLICY_VIOLATION","message":"no"}]}`
	}
	return fmt.Sprintf(`{"media_buy_id":"mb_%s%s","packages":[]}`, s.name, t.id)
}

func (s *Seller) push(t *task) {
	at := t.done
	if s.Early {
		at = s.now()
	}
	named := fmt.Sprintf(`"operation_id":%q,`, t.operation)
	if s.Mute {
		named = ""
	}
	all := []outgoing{t.webhook(at, "whk_0123456789_"+t.id, named, string(t.outcome), `,"result":`+s.result(t))}
	all[0].now = s.Early
	if s.post != nil {
		all = s.post(t, all[0])
	}
	for _, o := range all {
		s.outbox = append(s.outbox, o)
		if o.now {
			s.send(len(s.outbox) - 1)
		}
	}
}

// webhook is one delivery about a task; rest stands at its end.
func (t *task) webhook(at time.Time, key, named, status, rest string) outgoing {
	body := fmt.Sprintf(`{"idempotency_key":%q,%s"task_id":%q,"task_type":"create_media_buy","status":%q,"timestamp":%q,"token":%q%s}`,
		key, named, t.id, status, at.Format(time.RFC3339), t.token, rest)
	return outgoing{at: at, url: t.url, body: []byte(body)}
}

func payload(s string) adcp.Response { return adcp.Response{Payload: json.RawMessage(s)} }

// Unsent and Lost are calls that went wrong before and after they were carried out.
var (
	Unsent = &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("refused")}
	Lost   = &adcp.CallError{Outcome: adcp.Ambiguous, Cause: errors.New("reset")}
)

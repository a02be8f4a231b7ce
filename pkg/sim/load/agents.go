package load

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// Agent is a sales agent. The zero value answers submitted after 200 ms and is never done.
type Agent struct {
	Tenant, ID string
	// Takes is how long a call takes, 200 ms by default.
	Takes time.Duration
	// Works is how long an order takes until it is completed; 0 is for ever. Webhooks sends its end.
	Works    time.Duration
	Webhooks bool
	// Lags is how long the answer to an order is on its way: the webhook overtakes it if Works is
	// shorter.
	Lags time.Duration
	// Silent lets calls hang, Down refuses connections.
	Silent, Down bool
	// Unpolled offers no tool that returns a task's status.
	Unpolled bool
	// Asks requests input before it works.
	Asks bool

	// Orders counts orders, Polls polls, Failed calls that were not answered. InFlight is how many
	// calls are under way, Most how many were at one time.
	Orders, Polls, Failed, InFlight, Most int

	w   *World
	url string
	due map[string]time.Time // when tasks are done
}

// caller calls the agents of a world.
type caller struct{ w *World }

var _ registry.Caller = caller{}

// errDown is a connection that was refused.
var errDown = &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("connection refused")}

// travel is the time of a call. It returns how the call failed, if it did.
func (a *Agent) travel(ctx context.Context) error {
	a.InFlight++
	a.Most = max(a.Most, a.InFlight)
	defer func() { a.InFlight-- }()
	if a.Down {
		a.Failed++
		a.w.sleep(20 * time.Millisecond)
		return errDown
	}
	takes := cmp.Or(a.Takes, 200*time.Millisecond)
	// The deadline is of the real clock, which stands still in comparison.
	left := 300 * time.Second
	if at, ok := ctx.Deadline(); ok {
		left = time.Until(at).Round(time.Second)
	}
	if a.Silent || takes > left {
		a.Failed++
		a.w.sleep(left)
		return &adcp.CallError{Outcome: adcp.Ambiguous, Cause: context.DeadlineExceeded}
	}
	a.w.sleep(takes)
	return nil
}

// Discover implements registry.Caller.
func (c caller) Discover(ctx context.Context, at registry.Agent) (registry.Profile, error) {
	if err := c.w.agents[at.URL].travel(ctx); err != nil {
		return registry.Profile{}, err
	}
	p := registry.Profile{PollTool: "get_task_status"}
	if c.w.agents[at.URL].Unpolled {
		p.PollTool = ""
	}
	p.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
	return p, nil
}

// arguments are those of a call, as far as an agent reads them.
type arguments struct {
	TaskID string `json:"task_id"`
	Push   struct {
		URL         string `json:"url"`
		OperationID string `json:"operation_id"`
		Token       string `json:"token"`
	} `json:"push_notification_config"`
	Context struct {
		OperationID string `json:"adcp_operation_id"`
	} `json:"context"`
}

// Call implements registry.Caller.
func (c caller) Call(ctx context.Context, at registry.Agent, tool string, raw json.RawMessage) (adcp.Response, error) {
	a := c.w.agents[at.URL]
	if err := a.travel(ctx); err != nil {
		return adcp.Response{}, err
	}
	var in arguments
	if err := json.Unmarshal(raw, &in); err != nil {
		return adcp.Response{}, err
	}
	if tool == "get_task_status" {
		a.Polls++
		return a.status(in.TaskID), nil
	}
	id := in.Context.OperationID
	task := "task_" + id
	if a.Asks && at.ContinueTask == (adcp.Continuation{}) {
		r := respond(`{"status":"input-required","message":"which one?"}`)
		r.Continuation = adcp.Continuation{TaskID: "a2a-" + id, ContextID: "ctx-" + id}
		return r, nil
	}
	if _, again := a.due[task]; !again {
		a.order(task, id, in)
		a.w.sleep(a.Lags)
	}
	return respond(`{"status":"submitted","task_id":%q}`, task), nil
}

// order takes an order.
func (a *Agent) order(task, id string, in arguments) {
	w := a.w
	a.Orders++
	if w.Ordered != nil {
		w.Ordered(a, id, w.now)
	}
	a.due[task] = time.Time{}
	if a.Works == 0 {
		return
	}
	done := w.now.Add(a.Works)
	a.due[task] = done
	if a.Webhooks {
		body := fmt.Sprintf(`{"idempotency_key":"whk_0123456789_%s","operation_id":%q,"task_id":%q,`+
			`"task_type":"create_media_buy","status":"completed","timestamp":%q,"token":%q,"result":%s}`,
			task, in.Push.OperationID, task, done.Format(time.RFC3339), in.Push.Token, result(task))
		w.at(done, func() { w.process(func() { w.deliver(in.Push.URL, []byte(body), 1) }) })
	}
}

func (a *Agent) status(task string) adcp.Response {
	done, known := a.due[task]
	switch {
	case !known:
		return adcp.Response{Err: &adcp.Error{Code: "REFERENCE_NOT_FOUND", Recovery: adcp.Correctable}}
	case done.IsZero() || a.w.now.Before(done):
		return respond(`{"status":"working","task_id":%q,"task_type":"create_media_buy"}`, task)
	}
	return respond(`{"status":"completed","task_id":%q,"task_type":"create_media_buy","result":%s}`, task, result(task))
}

func result(task string) string {
	return fmt.Sprintf(`{"media_buy_id":"mb_%s","packages":[]}`, strings.TrimPrefix(task, "task_"))
}

func respond(format string, a ...any) adcp.Response {
	return adcp.Response{Payload: json.RawMessage(fmt.Sprintf(format, a...))}
}

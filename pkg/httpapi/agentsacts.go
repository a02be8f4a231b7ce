package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// Traffic is how the traffic to an agent stands, as clients see it.
type Traffic struct {
	Circuit Circuit `json:"circuit"`
	// Paused is the brake that is on; null if none is.
	Paused *Paused `json:"paused"`
	// CallsInFlight is how many calls are under way, Queue how many operations wait to call: at most
	// breaker.MaxQueueShown, which stands for more.
	CallsInFlight int `json:"calls_in_flight"`
	Queue         int `json:"queue"`
	// OpenOperations is how many operations of the agent have not ended.
	OpenOperations int `json:"open_operations"`
}

// Circuit is the circuit of an agent as clients see it.
type Circuit struct {
	State breaker.CircuitState `json:"state"`
	// OpenUntil is when the next call finds out whether the agent is back, BackOffUntil until when the
	// agent asked for time.
	OpenUntil    time.Time    `json:"open_until,omitzero"`
	BackOffUntil time.Time    `json:"back_off_until,omitzero"`
	LastFailure  *LastFailure `json:"last_failure,omitempty"`
}

// LastFailure is the last call of an agent that is known to have failed.
type LastFailure struct {
	At         time.Time `json:"at"`
	Result     string    `json:"result"`
	HTTPStatus int       `json:"http_status,omitempty"`
}

// Paused is an operator's brake that is on.
type Paused struct {
	Since  time.Time       `json:"since"`
	Reason string          `json:"reason"`
	Actor  operation.Actor `json:"actor"`
}

// viewTraffic shows how the traffic to an agent stands.
func viewTraffic(t registry.Traffic) *Traffic {
	v := Traffic{
		Circuit: Circuit{State: t.Circuit, OpenUntil: t.OpenUntil, BackOffUntil: t.BackOffUntil},
		Paused:  viewBrake(t.Brake), CallsInFlight: t.InFlight, Queue: t.Queue, OpenOperations: t.Open,
	}
	if f := t.LastFailure; f.Result != "" {
		v.Circuit.LastFailure = &LastFailure{At: f.At, Result: f.Result, HTTPStatus: f.Status}
	}
	return &v
}

func viewBrake(b registry.Brake) *Paused {
	if !b.On {
		return nil
	}
	return &Paused{Since: b.At, Reason: b.Reason, Actor: b.Actor}
}

// listedAgent is an agent in a list: its entry and its traffic, without what discovery found.
type listedAgent struct {
	registry.Agent
	Traffic *Traffic `json:"traffic"`
}

// ListAgents serves GET /v1/agents: the tenant's agents, the newest first, each with its traffic.
func (a API) ListAgents(list func(ctx context.Context, tenant, after string, limit int) (
	[]registry.Agent, []registry.Traffic, string, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		q, err := readPage(r)
		if err != nil {
			return Response{}, err
		}
		agents, traffic, next, err := list(ctx, r.Principal.Tenant, q.after, q.limit)
		if err != nil {
			return Response{}, err
		}
		var items []listedAgent
		for n, agent := range agents {
			items = append(items, listedAgent{agent, viewTraffic(traffic[n])})
		}
		return Response{Status: http.StatusOK, Body: pageOf(a, r, "/v1/agents", items, next)}, nil
	}
}

// DeleteAgent serves DELETE /v1/agents/{id}: 204, or 409 while operations are open. It honors
// If-Match.
func (a API) DeleteAgent(run func(ctx context.Context, tenant, id string, version int64) error) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.agentID()
		if err != nil {
			return Response{}, err
		}
		version, err := r.ifMatch()
		if err != nil {
			return Response{}, err
		}
		err = run(ctx, r.Principal.Tenant, id, version)
		var busy *store.AgentBusyError
		switch {
		case errors.As(err, &busy):
			p := NewProblem(http.StatusConflict, codeAgentHasOpen, "the agent has open operations ("+
				strconv.Itoa(busy.Open)+"): cancel them, or wait for their ends; pause the agent to keep calls from leaving")
			p.Open = busy.Open
			return Response{}, p
		case err != nil:
			return Response{}, ofVersion(err)
		}
		return Response{Status: http.StatusNoContent, Body: ""}, nil
	}
}

// paused is the answer to a pause and to its end.
type pausedAgent struct {
	ID     string  `json:"id"`
	Paused *Paused `json:"paused"`
}

// SetAgentBrake serves POST /v1/agents/{id}/pause and /resume: 200 with the brake as it is then,
// the same when it is repeated.
func (a API) SetAgentBrake(s registry.BrakeStore, on bool, now func() time.Time) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.agentID()
		if err != nil {
			return Response{}, err
		}
		reason, err := readReason(r.Body)
		if err != nil {
			return Response{}, err
		}
		b, err := registry.SetBrake(ctx, s, r.Principal.Tenant, id,
			registry.Brake{On: on, At: now().UTC(), Actor: r.Actor(), Reason: reason})
		if err != nil {
			return Response{}, err
		}
		return Response{Status: http.StatusOK, Body: pausedAgent{id, viewBrake(b)}}, nil
	}
}

// probed is the answer to a probe.
type probed struct {
	AgentID string `json:"agent_id"`
	// Reached: the agent answered the discovery.
	Reached   bool         `json:"reached"`
	Steps     []probedStep `json:"steps"`
	Discovery Discovery    `json:"discovery"`
}

// probedStep is one thing that a probe did.
type probedStep struct {
	Step         string `json:"step"`
	Milliseconds int64  `json:"milliseconds"`
	// Error is why the step failed.
	Error string `json:"error,omitempty"`
}

// ProbeAgent serves POST /v1/agents/{id}/probe: 200 with what the agent offers, how fast it is and
// what is unsafe about it, just now. Nothing is stored.
func (a API) ProbeAgent(run func(ctx context.Context, tenant, id string) (
	registry.Agent, registry.Probe, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.agentID()
		if err != nil {
			return Response{}, err
		}
		agent, found, err := run(ctx, r.Principal.Tenant, id)
		if err != nil {
			return Response{}, err
		}
		v := probed{AgentID: id, Reached: found.Reached, Steps: []probedStep{},
			Discovery: ViewAgent(agent, found.Discovery).Discovery}
		for _, s := range found.Steps {
			v.Steps = append(v.Steps, probedStep{Step: s.Name, Milliseconds: s.Took.Milliseconds(), Error: s.Error})
		}
		return Response{Status: http.StatusOK, Body: v}, nil
	}
}

// etag is the header of an answer that shows a version.
func etag(version int64) map[string]string { return map[string]string{"ETag": ETag(version)} }

// ofVersion describes an entry that has another version than If-Match names.
func ofVersion(err error) error {
	if errors.Is(err, registry.ErrVersion) {
		return NewProblem(http.StatusPreconditionFailed, codeVersionMismatch,
			"it has changed since you read the version in If-Match; nothing was changed: read it again, and decide again")
	}
	return err
}

// maxReason is the longest reason of an act, in characters.
const maxReason = 500

// readReason reads the body of an act whose one member is the reason.
func readReason(body []byte) (string, error) {
	var c validation.Checks
	if err := adcp.CheckObject(body); err != nil {
		c.Add("(body)", validation.MalformedBody, "must be one JSON object without duplicate keys: "+err.Error(),
			`send {"reason": "…"}`)
		return "", c.Err()
	}
	c.AddBadValues(body)
	reason := readOnly(&c, body, "reason")
	if !c.Has("reason") && !validation.Line(reason, maxReason) {
		c.Add("reason", validation.Required, "must be a text of 1 to "+strconv.Itoa(maxReason)+
			" visible characters on one line", "say why: those who look at it later are told")
	}
	return reason, c.Err()
}

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
)

// Agent is a registry entry as clients see it, with what discovery found. Credentials are in
// neither.
type Agent struct {
	registry.Agent
	Discovery Discovery `json:"discovery"`
	// Traffic is shown where one agent is looked at.
	Traffic *Traffic `json:"traffic,omitempty"`
}

// Discovery is what the last discovery found of the agent, and what its owner should know.
// DiscoveredAt is zero if the agent was never reached at its address; then there are findings only.
type Discovery struct {
	DiscoveredAt time.Time `json:"discovered_at,omitzero"`
	PollTool     string    `json:"poll_tool,omitempty"`
	ListTool     string    `json:"list_tool,omitempty"`
	Tasks        []string  `json:"tasks,omitempty"`
	// Capabilities is missing if the agent states none.
	Capabilities *Capabilities      `json:"capabilities,omitempty"`
	Findings     []registry.Finding `json:"findings"`
}

// ViewAgent shows a registry entry with what discovery found.
func ViewAgent(a registry.Agent, d registry.Discovery) Agent {
	p := d.Profile
	v := Agent{Agent: a, Discovery: Discovery{DiscoveredAt: p.DiscoveredAt, PollTool: p.PollTool,
		ListTool: p.ListTool, Tasks: p.Tasks, Findings: d.Findings}}
	if p.Capabilities.Stated {
		v.Discovery.Capabilities = viewCapabilities(p.Capabilities)
	}
	return v
}

// PutAgent serves PUT /v1/agents/{id}: 201 or 200 with the entry and what discovery found, or 422
// with all that speaks against the agent (contract B39).
func (a API) PutAgent(run func(ctx context.Context, tenant, id string, body []byte, version int64) (
	registry.Agent, registry.Discovery, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		version, err := r.ifMatch()
		if err != nil {
			return Response{}, err
		}
		agent, found, err := run(ctx, r.Principal.Tenant, r.Path["id"], r.Body, version)
		var refused *registry.AgentRefusedError
		if errors.As(err, &refused) {
			return Response{}, problemOfFindings(refused.Findings)
		}
		if err != nil {
			return Response{}, ofVersion(err)
		}
		status := http.StatusOK
		if agent.Version == 1 {
			status = http.StatusCreated
		}
		return Response{Status: status, Header: etag(agent.Version), Body: ViewAgent(agent, found)}, nil
	}
}

// problemOfFindings turns the findings against an agent into field errors, with their codes.
func problemOfFindings(found []registry.Finding) Problem {
	fields := make([]validation.FieldError, len(found))
	for i, f := range found {
		fields[i] = validation.FieldError{Field: f.Field, Code: validation.Code(f.Code), Rule: f.Detail, Remedy: f.Remedy}
	}
	return NewProblem(http.StatusUnprocessableEntity, codeAgentRefused,
		"the agent can't be registered as it is, see errors; nothing was stored", fields...)
}

// ShowAgent serves GET /v1/agents/{id}: the entry and what the last discovery found. It does not
// call the agent. traffic, if it is not nil, returns how the traffic to it stands.
func (a API) ShowAgent(show func(ctx context.Context, tenant, id string) (registry.Agent, registry.Discovery, error),
	traffic func(context.Context, registry.Agent) (registry.Traffic, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.agentID()
		if err != nil {
			return Response{}, err
		}
		agent, found, err := show(ctx, r.Principal.Tenant, id)
		if err != nil {
			return Response{}, err
		}
		v := ViewAgent(agent, found)
		if traffic != nil {
			t, err := traffic(ctx, agent)
			if err != nil {
				return Response{}, err
			}
			v.Traffic = viewTraffic(t)
		}
		return Response{Status: http.StatusOK, Header: etag(agent.Version), Body: v}, nil
	}
}

package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/orchestrator"
)

// readAnswer is what a client sees of an agent's answer to a read. The agent's own words are in
// Message and in the result, which encodeRead adds.
type readAnswer struct {
	AgentID     string      `json:"agent_id"`
	Task        string      `json:"task"`
	ADCPVersion string      `json:"adcp_version"`
	Status      adcp.Status `json:"status"`
	Message     string      `json:"message,omitempty"`
	ContextID   string      `json:"context_id,omitempty"`
}

// ReadAgent serves POST /v1/agents/{id}/read/{task}: 200 with what the agent answers now.
// Nothing of it is stored.
func (a API) ReadAgent(read func(ctx context.Context, tenant, agentID, task string, arguments []byte) (
	orchestrator.ReadAnswer, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.agentID()
		if err != nil {
			return Response{}, err
		}
		answer, err := read(ctx, r.Principal.Tenant, id, r.Path["task"], r.Body)
		if err != nil {
			return Response{}, err
		}
		body, err := encodeRead(answer)
		return Response{Status: http.StatusOK, Body: body}, err
	}
}

// encodeRead writes an answer, or returns the refusal of one that could not be delivered. The
// result is written as the agent sent it, without escapes for HTML, which would make six bytes
// of one.
func encodeRead(a orchestrator.ReadAnswer) (string, error) {
	head, err := json.Marshal(readAnswer{a.AgentID, a.Task, a.Release, a.Status, a.Message, a.ContextID})
	if err != nil {
		return "", err
	}
	result, err := compacted(a.Result)
	if err != nil {
		return "", err
	}
	body := withMember(head, "result", result)
	if lambdaSize(body) > maxAnswer {
		return "", orchestrator.TooLargeAnswer()
	}
	return string(body), nil
}

// unread describes a read without an answer.
func unread(e *orchestrator.ReadRefusedError) Problem {
	status := http.StatusBadGateway
	switch e.Code {
	case orchestrator.NotARead:
		status = http.StatusBadRequest
	case orchestrator.NoSuchTask, orchestrator.TaskNotOffered:
		status = http.StatusNotFound
	case orchestrator.AnswersLater, orchestrator.AgentPaused:
		status = http.StatusConflict
	case orchestrator.AgentBusy:
		status = http.StatusTooManyRequests
	case orchestrator.AgentAway:
		status = http.StatusServiceUnavailable
	case orchestrator.AgentUnreached:
		if e.Late {
			status = http.StatusGatewayTimeout
		}
	}
	p := NewProblem(status, string(e.Code), e.Detail)
	p.AgentError, p.retryAfter = e.Agent, e.RetryAfter
	return p
}

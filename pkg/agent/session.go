package agent

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

var _ registry.SessionCaller = (*Client)(nil)

// Session implements registry.SessionCaller.
func (c *Client) Session(ctx context.Context) (registry.Caller, func()) {
	s := &sharedSession{Client: c, life: ctx}
	return s, s.end
}

// sharedSession makes one call after the other in one session.
type sharedSession struct {
	*Client
	life context.Context
	open session        // nil before the first call, and after one that failed
	with *authorization // that it was opened with
}

// Call is Client.Call. A session that the agent has ended between two calls is replaced: with HTTP
// 404 or 400 it refuses the session's id and does not read the request.
func (s *sharedSession) Call(
	ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage,
) (adcp.Response, error) {
	if a.ContinueTask.Known() { // what an A2A session continues is fixed when it is opened
		return s.Client.Call(ctx, a, tool, arguments)
	}
	return s.confidential(ctx, a, arguments, func(k *authorization) (adcp.Response, error) {
		if s.open != nil && s.with.token != k.token { // renewed, or refused
			s.end()
		}
		used := s.open != nil
		r, err := s.callOnce(ctx, a, k, tool, arguments)
		var ce *adcp.CallError
		if used && errors.As(err, &ce) && (ce.Status == http.StatusNotFound || ce.Status == http.StatusBadRequest) {
			return s.callOnce(ctx, a, k, tool, arguments)
		}
		return r, err
	})
}

func (s *sharedSession) callOnce(
	ctx context.Context, a registry.Agent, k *authorization, tool string, arguments json.RawMessage,
) (adcp.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a stream that the agent keeps open after its answer
	if s.open == nil {
		var err error
		if s.open, err = s.Client.open(ctx, s.life, a, k); err != nil {
			s.open = nil
			return classify(err)
		}
		s.with = k
	}
	k.seen = s.with.seen // of the connection that is used
	k.seen.reset()
	r, err := callIn(ctx, s.open, tool, arguments)
	if err != nil {
		s.end()
	}
	return r, err
}

// end ends the session if one is open.
func (s *sharedSession) end() {
	if s.open != nil {
		s.open.close()
		s.open = nil
	}
}

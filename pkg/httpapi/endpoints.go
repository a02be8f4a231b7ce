package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// The codes of problems of webhook endpoints.
const (
	codeSecretsOverlap   = "secrets_overlap"
	codeEndpointDisabled = "endpoint_disabled"
	codeNoticeTooLarge   = "notice_too_large"
)

// WebhookEndpoint is a webhook endpoint as clients see it.
type WebhookEndpoint struct {
	ID          string         `json:"id"`
	URL         string         `json:"url"`
	Description string         `json:"description,omitempty"`
	Types       []string       `json:"types"` // none is all
	AgentID     string         `json:"agent_id,omitempty"`
	State       endpoint.State `json:"state"`
	// Disabled says why nothing is sent.
	Disabled *DisabledEndpoint `json:"disabled,omitempty"`
	// FailingSince is when the first of the failures was that no success has followed.
	FailingSince  time.Time `json:"failing_since,omitzero"`
	LastSuccessAt time.Time `json:"last_success_at,omitzero"`
	// Secret is the newest secret. It is shown when it is made, and never again.
	Secret    string           `json:"secret,omitempty"`
	Secrets   []EndpointSecret `json:"secrets"`
	CreatedAt time.Time        `json:"created_at"`
	UpdatedAt time.Time        `json:"updated_at"`
	Version   int64            `json:"version"`
}

// DisabledEndpoint says why nothing is sent to an endpoint.
type DisabledEndpoint struct {
	Reason endpoint.Reason `json:"reason"`
	At     time.Time       `json:"at"`
}

// EndpointSecret is a generation of a secret, without the secret.
type EndpointSecret struct {
	Generation int       `json:"generation"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
}

func viewEndpoint(e endpoint.Endpoint, now time.Time) WebhookEndpoint {
	v := WebhookEndpoint{ID: e.ID, URL: e.URL, Description: e.Description, Types: e.Types, AgentID: e.AgentID,
		State: e.State, LastSuccessAt: e.LastSuccessAt, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Version: e.Version}
	if v.Types == nil {
		v.Types = []string{}
	}
	if e.Disabled != nil {
		v.Disabled = &DisabledEndpoint{e.Disabled.Reason, e.Disabled.At}
	}
	if !e.FailingSince.Before(e.FailsFrom) {
		v.FailingSince = e.FailingSince
	}
	for _, s := range e.Secrets {
		if s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt) {
			v.Secrets = append(v.Secrets, EndpointSecret{s.Generation, s.CreatedAt, s.ExpiresAt})
		}
	}
	return v
}

// endpointPath is the collection's path.
const endpointPath = "/v1/webhook-endpoints"

func (a API) endpointResponse(status int, e endpoint.Endpoint, secret string, replayed bool, now time.Time) Response {
	v := viewEndpoint(e, now)
	v.Secret = secret
	header := map[string]string{"ETag": ETag(e.Version)}
	if status == http.StatusCreated {
		header["Location"] = a.BaseURL + endpointPath + "/" + e.ID
	}
	if replayed {
		header["Idempotent-Replayed"] = "true"
	}
	return Response{Status: status, Header: header, Body: v}
}

// endpointID returns the id of a webhook endpoint in the request's path, or store.ErrNotFound.
func (r Request) endpointID() (string, error) { return r.pathID(endpoint.IDForm()) }

// idempotencyKey reads the request's Idempotency-Key, and records one that has another form, or
// that is missing and required.
func (r Request) idempotencyKey(c *validation.Checks, required bool) string {
	key := r.Header.Get("Idempotency-Key")
	if (key != "" || required) && !validIdempotencyKey(key) {
		c.Add("Idempotency-Key", validation.InvalidValue, "must be a header of 1 to 255 visible ASCII characters",
			"send a UUID of your own, and the same one when you repeat the request")
	}
	return key
}

// endpointForm is an example of the body of a creation or a change.
const endpointForm = `{"url": "https://...", "types": ["operation.*"]}`

// readEndpoint reads the body of a creation or a change, and records every wrong member.
func readEndpoint(c *validation.Checks, r Request, m endpoint.Manage, creation bool) (in endpoint.Change) {
	if readObject(c, r.Body, endpointForm, map[string]member{
		"url":         {&in.URL, "a string"},
		"description": {&in.Description, "a string"},
		"types":       {&in.Types, "an array of strings"},
		"agent_id":    {&in.AgentID, "a string"},
		"state":       {&in.State, "a string"},
	}) {
		m.Check(c, in, creation)
	}
	return in
}

// endpointProblem turns the errors of package endpoint into problems.
func endpointProblem(err error) error {
	switch {
	case errors.Is(err, endpoint.ErrKeyReused):
		return NewProblem(http.StatusConflict, codeIdempotencyConflict, "this Idempotency-Key made another webhook "+
			"endpoint, or one that was deleted since: take a new key", validation.FieldError{Field: "Idempotency-Key",
			Code: validation.KeyReused, Rule: "must belong to one payload", Remedy: "take a new key for a new endpoint"})
	case errors.Is(err, endpoint.ErrVersion):
		return NewProblem(http.StatusPreconditionFailed, codeVersionMismatch, "it has another version than If-Match "+
			"demands; nothing was done", validation.FieldError{Field: "If-Match", Code: validation.InvalidValue,
			Rule: "must be the ETag that it has, in the strong form", Remedy: "read it again, and decide anew"})
	case errors.Is(err, endpoint.ErrSecretsOverlap):
		return NewProblem(http.StatusConflict, codeSecretsOverlap, "three secrets are in use already: wait until a former "+
			`one has expired, or send {"overlap_seconds": 0} to end them at once; nothing was changed`)
	case errors.Is(err, endpoint.ErrDisabled):
		return NewProblem(http.StatusConflict, codeEndpointDisabled,
			`the endpoint is disabled: enable it with PATCH {"state": "enabled"}, then ask again`)
	case errors.Is(err, endpoint.ErrTooLarge):
		return NewProblem(http.StatusConflict, codeNoticeTooLarge, fmt.Sprintf(
			"the notice has more than %d bytes and is sent to nobody: read what it is about", endpoint.MaxBody))
	}
	return err
}

// CreateEndpoint serves POST /v1/webhook-endpoints: 201 with the endpoint and its secret, the same
// for each repetition.
func (a API) CreateEndpoint(m endpoint.Manage) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		var c validation.Checks
		key := r.idempotencyKey(&c, true)
		in := readEndpoint(&c, r, m, true)
		if err := c.Err(); err != nil {
			return Response{}, err
		}
		made, err := m.Create(ctx, r.Principal.Tenant, key, in)
		if err != nil {
			return Response{}, endpointProblem(err)
		}
		return a.endpointResponse(http.StatusCreated, made.Endpoint, made.Secret, made.Replayed, m.Now()), nil
	}
}

// ListEndpoints serves GET /v1/webhook-endpoints. There are so few that they are one page.
func (a API) ListEndpoints(s endpoint.Reader, now func() time.Time) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		all, err := s.Endpoints(ctx, r.Principal.Tenant)
		if err != nil {
			return Response{}, err
		}
		var items []WebhookEndpoint
		for _, e := range all {
			items = append(items, viewEndpoint(e, now()))
		}
		return Response{Status: http.StatusOK, Body: pageOf(a, r, endpointPath, items, "")}, nil
	}
}

// ShowEndpoint serves GET /v1/webhook-endpoints/{id}.
func (a API) ShowEndpoint(s endpoint.Reader, now func() time.Time) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.endpointID()
		if err != nil {
			return Response{}, err
		}
		e, err := s.Endpoint(ctx, r.Principal.Tenant, id)
		if err != nil {
			return Response{}, err
		}
		return a.endpointResponse(http.StatusOK, e, "", false, now()), nil
	}
}

// ChangeEndpoint serves PATCH /v1/webhook-endpoints/{id}: what the body names is changed.
func (a API) ChangeEndpoint(m endpoint.Manage) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.endpointID()
		if err != nil {
			return Response{}, err
		}
		version, err := r.ifMatch()
		if err != nil {
			return Response{}, err
		}
		var c validation.Checks
		in := readEndpoint(&c, r, m, false)
		if err := c.Err(); err != nil {
			return Response{}, err
		}
		e, err := m.Change(ctx, r.Principal.Tenant, id, version, in)
		if err != nil {
			return Response{}, endpointProblem(err)
		}
		return a.endpointResponse(http.StatusOK, e, "", false, m.Now()), nil
	}
}

// DeleteEndpoint serves DELETE /v1/webhook-endpoints/{id}: 204, and nothing more is sent to it.
func (a API) DeleteEndpoint(s endpoint.Writer) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.endpointID()
		if err != nil {
			return Response{}, err
		}
		return Response{Status: http.StatusNoContent, Body: ""}, s.DeleteEndpoint(ctx, r.Principal.Tenant, id)
	}
}

// RollSecret serves POST /v1/webhook-endpoints/{id}/roll-secret: 200 with the new secret.
func (a API) RollSecret(m endpoint.Manage) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.endpointID()
		if err != nil {
			return Response{}, err
		}
		version, err := r.ifMatch()
		if err != nil {
			return Response{}, err
		}
		var c validation.Checks
		key := r.idempotencyKey(&c, false)
		overlap := readOverlap(&c, r, endpoint.DefaultOverlap, endpoint.MaxOverlap)
		if err := c.Err(); err != nil {
			return Response{}, err
		}
		rolled, err := m.Roll(ctx, r.Principal.Tenant, id, key, version, overlap)
		if err != nil {
			return Response{}, endpointProblem(err)
		}
		return a.endpointResponse(http.StatusOK, rolled.Endpoint, rolled.Secret, rolled.Replayed, m.Now()), nil
	}
}

// TestEndpoint serves POST /v1/webhook-endpoints/{id}/test: 200 with what came of it.
func (a API) TestEndpoint(m endpoint.Manage) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.endpointID()
		if err != nil {
			return Response{}, err
		}
		d, err := m.Test(ctx, r.Principal.Tenant, id, r.ID)
		if err != nil {
			return Response{}, endpointProblem(err)
		}
		return Response{Status: http.StatusOK, Body: viewDelivery(d)}, nil
	}
}

// Redeliver serves POST /v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver: 202 with the
// delivery, which is pending again.
func (a API) Redeliver(m endpoint.Manage) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.endpointID()
		if err != nil {
			return Response{}, err
		}
		deliveryID := r.Path["delivery_id"]
		if !endpoint.DeliveryIDForm().MatchString(deliveryID) {
			return Response{}, store.ErrNotFound
		}
		d, err := m.Redeliver(ctx, r.Principal.Tenant, id, deliveryID)
		if err != nil {
			return Response{}, endpointProblem(err)
		}
		return Response{Status: http.StatusAccepted, Body: viewDelivery(d)}, nil
	}
}

// readOverlap reads a body with overlap_seconds: for how long former secrets stay in use.
func readOverlap(c *validation.Checks, r Request, missing, most time.Duration) time.Duration {
	const field = "overlap_seconds"
	seconds := int(missing / time.Second)
	if readObject(c, r.Body, `{"overlap_seconds": 3600}`, map[string]member{field: {&seconds, "a whole number"}}) &&
		!c.Has(field) && (seconds < 0 || seconds > int(most/time.Second)) {
		c.Add(field, validation.OutOfRange, fmt.Sprintf("must be from 0 to %d: how long the secret of before stays in use",
			int(most/time.Second)), "send 0 if it may be in wrong hands, else as long as you need to replace it")
	}
	return time.Duration(seconds) * time.Second
}

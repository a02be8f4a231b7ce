package httpapi

import (
	"context"
	"errors"
	"net/http"

	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
)

// senderOf returns the agent of the request's path as a sender of webhooks, or store.ErrNotFound.
func senderOf(ctx context.Context, s registry.AgentReader, r Request) (keyring.Sender, error) {
	id, err := r.agentID()
	if err != nil {
		return keyring.Sender{}, err
	}
	a, err := s.Agent(ctx, r.Principal.Tenant, id)
	target := operation.Target{URL: a.URL, Transport: a.Transport, BrandURL: a.BrandURL}
	return keyring.SenderOf(r.Principal.Tenant, a.ID, target), err
}

// ShowKeys serves GET /v1/agents/{id}/keys: where the agent's webhook keys come from, and the
// change of their address that waits for a person.
func (a API) ShowKeys(s registry.AgentReader, show func(context.Context, keyring.Sender) (
	keyring.View, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		sender, err := senderOf(ctx, s, r)
		if err != nil {
			return Response{}, err
		}
		v, err := show(ctx, sender)
		return Response{Status: http.StatusOK, Body: v}, err
	}
}

// PinKeys serves PUT /v1/agents/{id}/keys: a person confirms the address of the agent's key set
// (contract F55).
func (a API) PinKeys(s registry.AgentReader, pin func(ctx context.Context, sender keyring.Sender, jwksURI string) (
	keyring.View, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		if _, err := r.agentID(); err != nil {
			return Response{}, err
		}
		uri, err := readJWKSURI(r.Body)
		if err != nil {
			return Response{}, err
		}
		sender, err := senderOf(ctx, s, r)
		if err != nil {
			return Response{}, err
		}
		v, err := pin(ctx, sender, uri)
		var unavailable *keyring.UnavailableError
		if errors.As(err, &unavailable) {
			return Response{}, NewProblem(http.StatusBadGateway, codeKeysUnavailable,
				"the agent's keys can't be fetched ("+unavailable.Code+"); nothing was changed")
		}
		return Response{Status: http.StatusOK, Body: v}, err
	}
}

func readJWKSURI(body []byte) (string, error) {
	const form = `{"jwks_uri": "https://..."} with the address that you have confirmed with the agent's owner`
	var uri string
	var c validation.Checks
	ok := readObject(&c, body, form, map[string]member{"jwks_uri": {&uri, "an address"}})
	if ok && uri == "" && !c.Has("jwks_uri") {
		c.Add("jwks_uri", validation.Required, "must be an address", "send "+form)
	}
	return uri, c.Err()
}

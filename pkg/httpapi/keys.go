package httpapi

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// agents reads the registry.
type agents interface {
	Agent(ctx context.Context, tenant, id string) (registry.Agent, error)
}

func senderOf(ctx context.Context, s agents, r Request) (keyring.Sender, error) {
	a, err := s.Agent(ctx, r.Principal.Tenant, r.Path["id"])
	return keyring.SenderOf(r.Principal.Tenant, a.ID, operation.Target{URL: a.URL, BrandURL: a.BrandURL}), err
}

// ShowKeys handles GET /v1/agents/{id}/keys: where the agent's webhook keys come from, and what is held for a person to decide.
func ShowKeys(s agents, show func(ctx context.Context, sender keyring.Sender) (keyring.View, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		sender, err := senderOf(ctx, s, r)
		if err != nil {
			return Response{}, err
		}
		v, err := show(ctx, sender)
		return Response{Status: http.StatusOK, Body: v}, err
	}
}

// AnchorKeys handles PUT /v1/agents/{id}/keys: a person confirms the address of the agent's key set (contract F55).
func PinKeys(s agents, anchor func(ctx context.Context, sender keyring.Sender, jwksURI string) (keyring.View, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		var in map[string]string
		if err := adcp.CheckObject(r.Body); err != nil || json.Unmarshal(r.Body, &in) != nil || len(in) != 1 || in["jwks_uri"] == "" {
			return Response{}, &validation.Error{Fields: []validation.FieldError{{Field: "jwks_uri", Rule: "the one member, an address",
				Remedy: `send {"jwks_uri": "https://..."} with the address that you have confirmed with the agent's owner`}}}
		}
		sender, err := senderOf(ctx, s, r)
		if err != nil {
			return Response{}, err
		}
		v, err := anchor(ctx, sender, in["jwks_uri"])
		var unavailable *keyring.UnavailableError
		if errors.As(err, &unavailable) {
			return Response{}, NewProblem(http.StatusBadGateway, "the agent's keys can't be had ("+unavailable.Code+"); nothing was changed")
		}
		return Response{Status: http.StatusOK, Body: v}, err
	}
}

package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// errValidation is what the table answers to a key of more than 2,048 bytes.
var errValidation = errors.New("ValidationException: One or more parameter values were invalid")

// strictStore refuses every read, as the table does for a long key.
type strictStore struct{ orchestrator.OperationReader }

func (strictStore) Get(context.Context, string, string) (operation.Operation, error) {
	return operation.Operation{}, errValidation
}

func (strictStore) Agent(context.Context, string, string) (registry.Agent, error) {
	return registry.Agent{}, errValidation
}

func TestPathThatIsNoIDIsNotLookedFor(t *testing.T) {
	t.Parallel()
	redrive := func(context.Context, string, string, orchestrator.Act) (
		operation.Operation, orchestrator.RedriveResult, error) {
		return operation.Operation{}, "", errValidation
	}
	input := func(context.Context, string, string, orchestrator.Input) (operation.Operation, error) {
		return operation.Operation{}, errValidation
	}
	agent := func(context.Context, string, string) (registry.Agent, registry.Discovery, error) {
		return registry.Agent{}, registry.Discovery{}, errValidation
	}
	show := func(context.Context, keyring.Sender) (keyring.View, error) { return keyring.View{}, errValidation }
	pin := func(context.Context, keyring.Sender, string) (keyring.View, error) {
		return keyring.View{}, errValidation
	}
	for route, h := range map[string]httpapi.Handler{
		"GET /v1/operations/{id}":          api.ShowOperation(strictStore{}, httpapi.Waits{}),
		"GET /v1/operations/{id}/events":   api.ListEvents(strictStore{}),
		"GET /v1/operations/{id}/request":  api.ShowRequest(strictStore{}),
		"GET /v1/operations/{id}/result":   api.ShowResult(strictStore{}),
		"POST /v1/operations/{id}/redrive": api.Redrive(redrive),
		"POST /v1/operations/{id}/input":   api.SendInput(input),
		"GET /v1/agents/{id}":              api.ShowAgent(agent, nil),
		"GET /v1/agents/{id}/keys":         api.ShowKeys(strictStore{}, show),
		"PUT /v1/agents/{id}/keys":         api.PinKeys(strictStore{}, pin),
	} {
		f := api.Serve(apikey.ScopeOperationsRead, h)
		for _, id := range []string{
			"", strings.Repeat("a", 4000), "op_\xff", "a b", "op_#1", "OP_" + strings.Repeat("a", 26),
		} {
			e := routed(route, id)
			e.Body = "{"
			if got := call(t, f, as(e, "acme")); got.StatusCode != 404 {
				t.Errorf("%s %.20q: %d %s", route, id, got.StatusCode, got.Body)
			}
		}
	}
}

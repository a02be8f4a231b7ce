package httpapi

import (
	"regexp"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// operationID returns the id of an operation in the request's path. It returns store.ErrNotFound
// for a text that can't be one: the table refuses long keys with an error that looks like a fault
// of ours.
func (r Request) operationID() (string, error) { return r.pathID(inbox.OperationIDForm()) }

// agentID returns the id of an agent in the request's path, or store.ErrNotFound.
func (r Request) agentID() (string, error) { return r.pathID(registry.AgentIDForm()) }

func (r Request) pathID(form *regexp.Regexp) (string, error) {
	if id := r.Path["id"]; form.MatchString(id) {
		return id, nil
	}
	return "", store.ErrNotFound
}

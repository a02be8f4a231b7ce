package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/validation"
)

// parameters are the query parameters of the routes that have any. A route refuses all others: a
// filter that is misspelled must not return everything.
var parameters = map[string][]string{
	"POST /v1/operations": {"validate"},
	"GET /v1/operations": {"state", "needs_attention", "agent_id", "type", "created_after", "created_before",
		"updated_after", "updated_before", "po_number", "media_buy_id", "task_id", "q", "sort", "limit", "cursor"},
	"GET /v1/operations/{id}":        {"embed", "wait"},
	"GET /v1/operations/{id}/events": {"after", "limit", "kind"},
	"GET /v1/agents":                 {"limit", "cursor"},
	"GET /v1/quarantine": {"agent_id", "operation_id", "authentic", "code", "state", "received_after", "received_before",
		"limit", "cursor"},
	"GET /v1/quarantine/{id}": {"embed"},
	"GET /v1/events":          {"after", "cursor", "type", "limit"},
	"GET /v1/metrics":         {"names", "from", "to", "step", "by"},
	"GET /v1/api-keys":        {"limit", "cursor"},
	"GET /v1/audit-events":    {"actor_id", "action", "resource", "created_after", "created_before", "limit", "cursor"},

	"GET /v1/webhook-endpoints/{id}/deliveries": {"state", "limit", "cursor"},
}

// maxParameters is how many unknown parameters an answer names.
const maxParameters = 50

// checkParameters refuses query parameters that the request's route does not have, or that occur
// more than once.
func checkParameters(r Request) error {
	if len(r.Query) == 0 {
		return nil
	}
	known := parameters[r.Route]
	var fields []validation.FieldError
	var c validation.Checks
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		switch {
		case !slices.Contains(known, name) && len(fields) == maxParameters:
		case !slices.Contains(known, name):
			fields = append(fields, unknownParameter(name, known))
		case len(r.Query[name]) > 1:
			c.Add(name, validation.InvalidValue, "must be there once", "send one value")
		}
	}
	if len(fields) == 0 {
		return c.Err()
	}
	return NewProblem(http.StatusBadRequest, codeUnknownParameter,
		"the route has no such query parameter, see errors; nothing was done", fields...)
}

func unknownParameter(name string, known []string) validation.FieldError {
	f := validation.FieldError{Field: validation.Member("", name), Code: validation.UnknownParameter,
		Rule: "must not be sent: this route has no query parameters", Remedy: "leave it out"}
	if len(known) > 0 {
		f.Rule = "must be one of " + strings.Join(known, ", ")
		if near := validation.Nearest(name, known); near != "" {
			f.Remedy = "write " + near + " if you meant that; otherwise leave it out"
		}
	}
	return f
}

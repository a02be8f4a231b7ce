package client_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/audit"
	"adcp-orchestrator/pkg/client"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
)

// members returns the names and the kinds of a type's members in JSON, embedded structs included.
func members(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			for n, k := range members(inner) {
				all[n] = k
			}
		case name != "" && name != "-":
			all[name] = f.Type
		}
	}
	return all
}

// shape is the kind of JSON that a type is written as.
func shape(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	raw := reflect.TypeFor[json.RawMessage]()
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Bool:
		return "bool"
	case reflect.Map:
		return "object"
	case reflect.Slice:
		if t == raw {
			return "any"
		}
		return "array"
	}
	if t.String() == "time.Time" {
		return "time"
	}
	return "object"
}

// notShown are members of the API that the client leaves in the raw document.
var notShown = map[string][]string{
	"operation": {"result_too_large_to_show", "result_bytes", "result_sha256", "request_too_large_to_show",
		"request_bytes",
		"request_sha256", "events_left_out"},
	"event":     {"notification", "buy"},
	"agent":     {"credential_ref", "auth", "webhook_format", "brand_json_url", "poll"},
	"discovery": {"list_tool"},
	"sent":      {"endpoint_id", "agent_id", "notice_at"},
	"problem":   {"limit"},
	"buy":       {"impairments", "impaired"},
	"keys":      {"failed_at"},
	"cost":      {"requests", "invocations", "lambda_ms", "transitions", "read_units", "write_units", "bus_events"},
	"point":     {"more"},
	"notice":    {"specversion", "source", "datacontenttype", "dataschema", "sequence"},
	"data": {"tenant", "type", "from", "media_buy_id", "task_id", "attention", "deadline", "follow_until", "channel",
		"actor", "end_reason", "error_code", "code", "authentic", "endpoint_id", "detail", "agent_message"},
	"audit_event": {"tenant"},
	"api_key":     {"url", "version", "created_by", "rolled_at", "revoked_at", "revoked_by"},

	"agent_error":    {"details", "issues"},
	"pending_change": {"since"},
	"revocation":     {"url", "checked_at", "updated", "next_update", "revoked", "failure"},
}

// TestTypesAgreeWithTheHandlers compares the client's types with those that the handlers answer
// with: a member that the API has, and the client has not or reads as something else, is named.
func TestTypesAgreeWithTheHandlers(t *testing.T) {
	t.Parallel()
	compared := 0
	var compare func(name string, api, own reflect.Type)
	compare = func(name string, api, own reflect.Type) {
		ours := members(own)
		for member, kind := range members(api) {
			mine, ok := ours[member]
			switch {
			case !ok && !slices.Contains(notShown[name], member):
				t.Errorf("%s: the client lacks %s", name, member)
			case ok && shape(kind) != shape(mine) && shape(mine) != "any":
				t.Errorf("%s: %s is %s, and the client reads %s", name, member, shape(kind), shape(mine))
			case ok:
				compared++
				for kind.Kind() == reflect.Pointer {
					kind = kind.Elem()
				}
				for mine.Kind() == reflect.Pointer {
					mine = mine.Elem()
				}
				if shape(kind) == "object" && kind.Kind() == reflect.Struct && mine.Kind() == reflect.Struct {
					compare(member, kind, mine)
				}
			}
		}
	}
	compare("operation", reflect.TypeFor[httpapi.Operation](), reflect.TypeFor[client.Operation]())
	compare("event", reflect.TypeFor[operation.Event](), reflect.TypeFor[client.Event]())
	compare("agent", reflect.TypeFor[httpapi.Agent](), reflect.TypeFor[client.Counterparty]())
	compare("delivery", reflect.TypeFor[httpapi.QuarantinedDelivery](), reflect.TypeFor[client.Delivery]())
	compare("api_key", reflect.TypeFor[httpapi.APIKey](), reflect.TypeFor[client.APIKey]())
	compare("audit_event", reflect.TypeFor[audit.Event](), reflect.TypeFor[client.AuditEvent]())
	compare("notice", reflect.TypeFor[notice.Envelope](), reflect.TypeFor[client.Notice]())
	compare("series", reflect.TypeFor[metrics.Series](), reflect.TypeFor[client.Series]())
	compare("point", reflect.TypeFor[metrics.Point](), reflect.TypeFor[client.Point]())
	compare("endpoint", reflect.TypeFor[httpapi.WebhookEndpoint](), reflect.TypeFor[client.Endpoint]())
	compare("sent", reflect.TypeFor[httpapi.WebhookDelivery](), reflect.TypeFor[client.Sent]())
	compare("problem", reflect.TypeFor[httpapi.Problem](), reflect.TypeFor[client.Problem]())
	compare("verdict", reflect.TypeFor[httpapi.Validation](), reflect.TypeFor[client.Verdict]())
	compare("keys", reflect.TypeFor[keyring.View](), reflect.TypeFor[client.AgentKeys]())
	t.Logf("%d members compared", compared)
}

package adcp

import "slices"

// envelopeMembers are the members of an answer that belong to the protocol and not to the task
// (contract B3). The schema's payload is not among them: it is a concept and never on the wire.
var envelopeMembers = []string{
	// core/protocol-envelope.json
	"status", "context_id", "context", "task_id", "message", "timestamp", "replayed", "adcp_error",
	"push_notification_config", "governance_context",
	// core/version-envelope.json
	"adcp_version", "adcp_major_version",
	// core/mcp-webhook-payload.json, repeated in a result; webhookMembers are all of it
	"task_type", "operation_id", "idempotency_key",
}

// strippedMembers are the envelope members that are taken out of a task's body. The context stays:
// response schemas declare it too, and it is the client's own (contract H4).
var strippedMembers = without(envelopeMembers, "context")

// EnvelopeMember reports whether a member of an answer belongs to the protocol and not to the task
// (contract B3). Agents put such members into one channel's result and leave them out of another's,
// so they say nothing about whether two ends are the same (contract H4).
func EnvelopeMember(name string) bool { return slices.Contains(envelopeMembers, name) }

package orchestrator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
)

// SubmitRequest is what a client submits: an AdCP task and its arguments.
type SubmitRequest struct {
	AgentID string          `json:"agent_id"`
	Type    adcp.Task       `json:"type"`
	Request json.RawMessage `json:"request"`
	// NotAfter is the time after which the request is not sent any more; zero if the client says none.
	NotAfter time.Time `json:"not_after,omitzero"`
	// DedupeBy is empty for the default, DedupeByPONumber; OnConflict for OnConflictRefuse.
	DedupeBy   DedupeBy   `json:"dedupe_by,omitempty"`
	OnConflict OnConflict `json:"on_conflict,omitempty"`
	// Actor is who submits it.
	Actor operation.Actor `json:"-"`

	fields map[string]json.RawMessage
}

// DedupeBy is what makes two purchases the same one, beside their idempotency keys. po_number is
// the purchase order, whichever member names it.
type DedupeBy string

// What can make two purchases the same one.
const (
	DedupeByPONumber DedupeBy = "po_number"
	DedupeByNone     DedupeBy = "none"
)

// OnConflict is what becomes of a change of a media buy while another one is open.
type OnConflict string

// What can become of a change while another one is open.
const (
	OnConflictRefuse OnConflict = "refuse"
	OnConflictWait   OnConflict = "wait" // it calls the agent when the other one has ended
)

// submissionMembers are the members of a submission.
var submissionMembers = []string{"agent_id", "type", "request", "not_after", "dedupe_by", "on_conflict"}

// orchestratorMembers are the members of a request that the orchestrator sets: a client's own would
// break idempotency or redirect the webhook.
var orchestratorMembers = []string{"idempotency_key", "push_notification_config", "adcp_version", "adcp_major_version"}

// submitForm is the remedy for a body that is no submission.
const submitForm = `send {"agent_id": "...", "type": "...", "request": {...}}`

// ParseSubmitRequest reads a submission and checks what can be checked without asking the agent. It
// returns a *validation.Error that names every wrong field.
func ParseSubmitRequest(body []byte) (SubmitRequest, error) {
	var r SubmitRequest
	var c validation.Checks
	members, ok := membersOf(&c, body, submitForm)
	if !ok {
		return r, c.Err()
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(submissionMembers, name) {
			c.AddUnknown("", name, submissionMembers, "put AdCP arguments into request")
		}
	}
	r.NotAfter = checkNotAfter(&c, members["not_after"])
	if json.Unmarshal(members["agent_id"], &r.AgentID) != nil || !registry.AgentIDForm().MatchString(r.AgentID) {
		c.Add("agent_id", validation.InvalidValue,
			"must be the id of a registered agent, "+registry.AgentIDForm().String(),
			"use the id that you gave PUT /v1/agents/{id}")
	}
	if json.Unmarshal(members["type"], &r.Type) != nil {
		r.Type = ""
	}
	if _, ok := adcp.TraitsOf(r.Type); !ok {
		c.Add("type", validation.InvalidValue, "must be one of "+taskNames(), "name the AdCP task to run")
	}
	r.DedupeBy = choice(&c, members, "dedupe_by", DedupeByPONumber, DedupeByNone)
	r.OnConflict = choice(&c, members, "on_conflict", OnConflictRefuse, OnConflictWait)
	r.Request = members["request"]
	if json.Unmarshal(r.Request, &r.fields) != nil || r.fields == nil {
		c.Add("request", validation.InvalidValue, "must be an object: the AdCP task's arguments",
			"send the arguments as AdCP defines them, without "+strings.Join(orchestratorMembers, ", "))
	} else {
		r.check(&c)
	}
	c.AddBadValues(body)
	return r, c.Err()
}

// membersOf reads a body that is one object. form is the remedy for any other.
func membersOf(c *validation.Checks, body []byte, form string) (members map[string]json.RawMessage, ok bool) {
	if fault := adcp.ObjectFault(body); fault != "" {
		c.Add("(body)", validation.MalformedBody, fault, form)
		return nil, false
	}
	if err := json.Unmarshal(body, &members); err != nil {
		c.Add("(body)", validation.MalformedBody, "must be one JSON object", form)
		return nil, false
	}
	return members, true
}

// choice reads a member that is one of two texts. The default is the same as no member.
func choice[T ~string](c *validation.Checks, members map[string]json.RawMessage, name string, byDefault, other T) T {
	raw, set := members[name]
	if !set {
		return ""
	}
	var got T
	if json.Unmarshal(raw, &got) != nil || got != byDefault && got != other {
		c.Add(name, validation.InvalidValue, fmt.Sprintf("must be %q or %q", byDefault, other),
			fmt.Sprintf("leave it out for %q", byDefault))
	}
	if got == byDefault {
		return ""
	}
	return got
}

func taskNames() string {
	var names []string
	for _, t := range adcp.Tasks() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

// PONumber returns the number of the request's purchase order, or "".
func (r SubmitRequest) PONumber() string { return textOf(r.fields[r.orderMember()]) }

// orderMember is the member that names the purchase order: 3.2's tools have renamed it.
func (r SubmitRequest) orderMember() string {
	if r.Type == adcp.BuyProducts || r.Type == adcp.AcceptProposal {
		return "purchase_order_ref"
	}
	return "po_number"
}

// fingerprint is SHA-256 of the JCS of the submission.
func (r SubmitRequest) fingerprint() (string, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	return digest.JSON(raw)
}

// freeze returns the arguments that go out: the client's and ours, serialized once (contract C6).
func (r SubmitRequest) freeze(extra map[string]any) (json.RawMessage, error) {
	all := make(map[string]any, len(r.fields)+len(extra))
	for k, v := range r.fields {
		all[k] = v
	}
	for k, v := range extra {
		all[k] = v
	}
	return json.Marshal(all)
}

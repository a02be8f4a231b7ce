package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
	"encoding/json"
	"strings"
	"time"
)

// Order is what a client asks for.
type SubmitRequest struct {
	AgentID string          `json:"agent"`
	Type    adcp.Task       `json:"type"`
	Request json.RawMessage `json:"request"`

	fields map[string]json.RawMessage
}

// ours are the members of a request that the orchestrator sets: a client's own would break idempotency or redirect the webhook.
var orchestratorMembers = []string{"idempotency_key", "push_notification_config", "adcp_version", "adcp_major_version"}

// ParseOrder reads a submission and checks what can be checked without asking the agent. It returns an *InvalidError that names every wrong field.
func ParseSubmitRequest(body []byte) (SubmitRequest, error) {
	var o SubmitRequest
	var c validation.Checks
	if err := adcp.CheckObject(body); err != nil {
		c.Add("(body)", "one JSON object without duplicate keys: "+err.Error(), `send {"agent": "...", "type": "...", "request": {...}}`)
		return o, c.Err()
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		c.Add("(body)", "one JSON object", `send {"agent": "...", "type": "...", "request": {...}}`)
		return o, c.Err()
	}
	for name := range members {
		if name != "agent" && name != "type" && name != "request" {
			c.Add(name, "is not a member of a submission", "put AdCP arguments into request")
		}
	}
	if json.Unmarshal(members["agent"], &o.AgentID) != nil || !registry.AgentIDForm().MatchString(o.AgentID) {
		c.Add("agent", "the id of a registered agent, "+registry.AgentIDForm().String(), "use the id that you gave PUT /v1/agents/{id}")
	}
	if json.Unmarshal(members["type"], &o.Type) != nil {
		o.Type = ""
	}
	if _, ok := adcp.TraitsOf(o.Type); !ok {
		c.Add("type", "one of "+taskNames(), "name the AdCP task that shall be run")
	}
	o.Request = members["request"]
	if json.Unmarshal(o.Request, &o.fields) != nil || o.fields == nil {
		c.Add("request", "an object: the AdCP task's arguments", "send the arguments as AdCP defines them, without "+strings.Join(orchestratorMembers, ", "))
		return o, c.Err()
	}
	o.check(&c)
	return o, c.Err()
}

func taskNames() string {
	var names []string
	for _, t := range adcp.Tasks() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

func (o SubmitRequest) check(c *validation.Checks) {
	for _, name := range orchestratorMembers {
		if _, set := o.fields[name]; set {
			c.Add("request."+name, "is set by the orchestrator", "leave it out")
		}
	}
	if po, set := o.fields["po_number"]; set {
		var s string
		if json.Unmarshal(po, &s) != nil || s == "" {
			c.Add("request.po_number", "a string that is not empty", "send the purchase order's number, or leave it out")
		}
	}
	if a, set := o.fields["account"]; set {
		o.checkAccount(c, a)
	}
	if raw, set := o.fields["context"]; set {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil || members == nil {
			c.Add("request.context", "an object", "send an object of your own, or leave it out")
		} else if _, taken := members[contextMember]; taken {
			c.Add("request.context."+contextMember, "is set by the orchestrator", "choose another name")
		}
	}
	if o.Type == adcp.CreateMediaBuy {
		o.checkBuy(c)
	}
	if o.Type == adcp.UpdateMediaBuy {
		o.require(c, "account", "media_buy_id")
	}
}

// checkBuy checks what create_media_buy's schema requires: a buy that can't be accepted is better refused here than by the agent.
func (o SubmitRequest) checkBuy(c *validation.Checks) {
	o.require(c, "account", "brand", "start_time", "end_time")
	_, packages := o.fields["packages"]
	_, proposal := o.fields["proposal_id"]
	if !packages && !proposal {
		c.Add("request.packages", "is required unless proposal_id is given", "say what is to be bought")
	}
	if packages {
		var list []json.RawMessage
		if json.Unmarshal(o.fields["packages"], &list) != nil || len(list) == 0 {
			c.Add("request.packages", "a list of at least one package", "say what is to be bought")
		}
	}
	var begins, ends string
	if raw, set := o.fields["start_time"]; set && (json.Unmarshal(raw, &begins) != nil || begins != "asap" && !instant(begins)) {
		c.Add("request.start_time", `"asap", or a date and time with an offset (RFC 3339)`, "send for example 2027-04-01T00:00:00Z")
	}
	if raw, set := o.fields["end_time"]; set && (json.Unmarshal(raw, &ends) != nil || !instant(ends)) {
		c.Add("request.end_time", "a date and time with an offset (RFC 3339)", "send for example 2027-06-30T23:59:59Z")
	}
	b, err1 := time.Parse(time.RFC3339, begins)
	e, err2 := time.Parse(time.RFC3339, ends)
	if err1 == nil && err2 == nil && !e.After(b) {
		c.Add("request.end_time", "after start_time", "correct one of the two")
	}
}

// checkAccount is contract B42: one of account_id, or brand with operator.
func (o SubmitRequest) checkAccount(c *validation.Checks, raw json.RawMessage) {
	var a map[string]json.RawMessage
	if json.Unmarshal(raw, &a) != nil || a == nil {
		c.Add("request.account", "an object", `send {"account_id": "..."}`)
		return
	}
	_, id := a["account_id"]
	_, brand := a["brand"]
	_, operator := a["operator"]
	if id == (brand && operator) || id && (brand || operator) {
		c.Add("request.account", "either account_id, or brand and operator", "send one of the two forms")
	}
}

func (o SubmitRequest) require(c *validation.Checks, names ...string) {
	for _, n := range names {
		if raw, set := o.fields[n]; !set || string(raw) == "null" {
			c.Add("request."+n, "is required for "+string(o.Type), "send it as AdCP defines it")
		}
	}
}

func instant(s string) bool {
	_, err := time.Parse(time.RFC3339, s) // an offset is part of the format (contract L22)
	return err == nil
}

// PONumber returns the request's purchase order number, or "".
func (o SubmitRequest) PONumber() string {
	var s string
	_ = json.Unmarshal(o.fields["po_number"], &s)
	return s
}

// naturalKey is what makes two open buys the same buy whatever their idempotency keys: the purchase order.
func (o SubmitRequest) naturalKey() string {
	if o.Type != adcp.CreateMediaBuy {
		return ""
	}
	return o.PONumber()
}

func (o SubmitRequest) fingerprint() (string, error) {
	raw, err := json.Marshal(struct {
		Agent   string          `json:"agent"`
		Type    adcp.Task       `json:"type"`
		Request json.RawMessage `json:"request"`
	}{o.AgentID, o.Type, o.Request})
	if err != nil {
		return "", err
	}
	return digest.JSON(raw)
}

// freeze returns the arguments that go out: the client's and ours, serialized once (contract C6).
func (o SubmitRequest) freeze(extra map[string]any) (json.RawMessage, error) {
	all := make(map[string]any, len(o.fields)+len(extra))
	for k, v := range o.fields {
		all[k] = v
	}
	for k, v := range extra {
		all[k] = v
	}
	return json.Marshal(all)
}

package orchestrator

import (
	"encoding/json"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/validation"
)

// maxPONumber is the longest po_number, in characters, and maxOrderRef the longest
// purchase_order_ref, which is AdCP's own bound. They are part of the operation's document, which
// the table limits.
const (
	maxPONumber = 128
	maxOrderRef = 255
)

// check checks the task's arguments, as far as the orchestrator depends on them.
func (r SubmitRequest) check(c *validation.Checks) {
	for _, name := range orchestratorMembers {
		if _, set := r.fields[name]; set {
			c.Add("request."+name, validation.Reserved, "must not be set: the orchestrator sets it", "leave it out")
		}
	}
	checkLine(c, r.fields, "po_number", maxPONumber)
	if r.orderMember() != "po_number" {
		checkLine(c, r.fields, r.orderMember(), maxOrderRef)
	}
	if a, set := r.fields["account"]; set {
		checkAccount(c, a)
	}
	if raw, set := r.fields["context"]; set {
		checkContext(c, raw)
	}
	switch r.Type {
	case adcp.CreateMediaBuy:
		r.checkBuy(c)
	case adcp.BuyProducts:
		r.require(c, "account", "start_time", "end_time")
		r.checkFlight(c)
	case adcp.AcceptProposal:
		r.require(c, "account", "proposal_id", "proposal_terms_digest")
		r.checkID(c, "proposal_id", "send the id that the agent gave the committed proposal")
		r.checkID(c, "proposal_terms_digest", "send the terms_digest of the committed proposal")
	case adcp.UpdateMediaBuy, adcp.ControlMediaBuy:
		r.require(c, "account", "media_buy_id")
		r.checkID(c, "media_buy_id", "send the id that the agent gave the buy")
	}
}

// checkLine checks a purchase order.
func checkLine(c *validation.Checks, fields map[string]json.RawMessage, name string, longest int) {
	raw, set := fields[name]
	var s string
	if set && (json.Unmarshal(raw, &s) != nil || !validation.Line(s, longest)) {
		c.Add("request."+name, validation.InvalidValue,
			fmt.Sprintf("must be a string of 1 to %d visible characters on one line", longest),
			"send the purchase order's number, or leave it out")
	}
}

// checkBuy checks what create_media_buy's schema requires: a buy that the agent can't accept is
// better refused here.
func (r SubmitRequest) checkBuy(c *validation.Checks) {
	r.require(c, "account", "brand", "start_time", "end_time")
	raw, packages := r.fields["packages"]
	_, proposal := r.fields["proposal_id"]
	if !packages && !proposal {
		c.Add("request.packages", validation.Required, "must be given unless proposal_id is", "say what to buy")
	}
	if packages {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
			c.Add("request.packages", validation.InvalidValue, "must be a list of at least one package",
				"say what to buy")
		}
	}
	r.checkFlight(c)
}

// checkID checks a member that a natural key is made of: it keeps the changes of one media buy, and
// the acceptances of one proposal, apart.
func (r SubmitRequest) checkID(c *validation.Checks, name, remedy string) {
	var s string
	raw, set := r.fields[name]
	if set && string(raw) != "null" && (json.Unmarshal(raw, &s) != nil || s == "") {
		c.Add("request."+name, validation.InvalidValue, "must be a string that is not empty", remedy)
	}
}

// checkFlight checks start_time and end_time.
func (r SubmitRequest) checkFlight(c *validation.Checks) {
	var begins, ends string
	raw, set := r.fields["start_time"]
	if set && (json.Unmarshal(raw, &begins) != nil || begins != "asap" && !isInstant(begins)) {
		c.Add("request.start_time", validation.InvalidValue,
			`must be "asap", or a date and time with an offset (RFC 3339)`, "send for example 2027-04-01T00:00:00Z")
	}
	raw, set = r.fields["end_time"]
	if set && (json.Unmarshal(raw, &ends) != nil || !isInstant(ends)) {
		c.Add("request.end_time", validation.InvalidValue, "must be a date and time with an offset (RFC 3339)",
			"send for example 2027-06-30T23:59:59Z")
	}
	b, err1 := time.Parse(time.RFC3339, begins)
	e, err2 := time.Parse(time.RFC3339, ends)
	if err1 == nil && err2 == nil && !e.After(b) {
		c.Add("request.end_time", validation.OutOfRange, "must be after start_time", "correct one of the two")
	}
}

// isInstant reports whether s is a time in RFC 3339, of which an offset is part (contract L22).
func isInstant(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// checkContext checks that the context is an object that leaves our member free.
func checkContext(c *validation.Checks, raw json.RawMessage) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		c.Add("request.context", validation.InvalidValue, "must be an object",
			"send an object of your own, or leave it out")
	} else if _, taken := members[contextMember]; taken {
		c.Add("request.context."+contextMember, validation.Reserved, "must not be set: the orchestrator sets it",
			"choose another name")
	}
}

// checkAccount is contract B42: either account_id, or brand with operator.
func checkAccount(c *validation.Checks, raw json.RawMessage) {
	var a map[string]json.RawMessage
	if json.Unmarshal(raw, &a) != nil || a == nil {
		c.Add("request.account", validation.InvalidValue, "must be an object", `send {"account_id": "..."}`)
		return
	}
	_, id := a["account_id"]
	_, brand := a["brand"]
	_, operator := a["operator"]
	if id == (brand && operator) || id && (brand || operator) {
		c.Add("request.account", validation.InvalidValue, "must be either account_id, or brand and operator",
			"send one of the two forms")
	}
}

// require checks that members are there.
func (r SubmitRequest) require(c *validation.Checks, names ...string) {
	for _, n := range names {
		if raw, set := r.fields[n]; !set || string(raw) == "null" {
			c.Add("request."+n, validation.Required, "must be given for "+string(r.Type), "send it as AdCP defines it")
		}
	}
}

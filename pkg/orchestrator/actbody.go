package orchestrator

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// ParseReason reads the body of a pause or a resumption. It returns a *validation.Error that names
// every wrong field.
func ParseReason(body []byte) (reason string, err error) {
	var c validation.Checks
	members, ok := actMembers(&c, body, "reason")
	if ok {
		reason = reasonOf(&c, members)
	}
	return reason, c.Err()
}

// ParseCancel reads the body of a cancellation. It returns a *validation.Error that names every
// wrong field.
func ParseCancel(body []byte) (reason string, buy operation.BuyWish, err error) {
	var c validation.Checks
	members, ok := actMembers(&c, body, "reason", "buy")
	if !ok {
		return "", "", c.Err()
	}
	buy = choice(&c, members, "buy", operation.CancelBuy, operation.KeepBuy)
	if buy == "" {
		buy = operation.CancelBuy
	}
	return reasonOf(&c, members), buy, c.Err()
}

// resolveMembers are the members of a resolution.
var resolveMembers = []string{"state", "reason", "evidence", "result", "media_buy_id", "unverified"}

// ParseResolution reads the body of a resolution. It returns a *validation.Error that names every
// wrong field.
func ParseResolution(body []byte) (r Resolution, err error) {
	var c validation.Checks
	members, ok := actMembers(&c, body, resolveMembers...)
	if !ok {
		return r, c.Err()
	}
	if json.Unmarshal(members["state"], &r.State) != nil || !r.State.Terminal() {
		c.Add("state", validation.InvalidValue, "must be completed, failed, rejected or canceled",
			"say how the operation has ended")
	}
	r.Reason = reasonOf(&c, members)
	r.Evidence = lineOf(&c, members, "evidence", maxActReason, "name where it can be read: a ticket, a message, an id")
	r.MediaBuyID = lineOf(&c, members, "media_buy_id", maxActReason, "send the id that the agent gave the buy")
	if raw, set := members["unverified"]; set && json.Unmarshal(raw, &r.Unverified) != nil {
		c.Add("unverified", validation.InvalidValue, "must be true or false", "leave it out")
	}
	if raw, set := members["result"]; set {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil || object == nil {
			c.Add("result", validation.InvalidValue, "must be an object: the body of the task's answer", "leave it out")
		}
		if id := textOf(object["media_buy_id"]); differ(id, r.MediaBuyID) {
			c.Add("media_buy_id", validation.InvalidValue, "must be the buy of the result", "send one of the two")
		} else if id != "" {
			r.MediaBuyID = id
		}
		r.Result = raw
	}
	shows := r.MediaBuyID != "" || r.Result != nil
	if r.State == operation.Completed && !shows {
		c.Add("media_buy_id", validation.Required, "must be set for completed, or result", "say what the task has made")
	}
	if r.State.Terminal() && r.State != operation.Completed && shows {
		c.Add("state", validation.InvalidValue, "must be completed if there is a result or a buy",
			"leave out result and media_buy_id")
	}
	c.AddBadValues(body)
	return r, c.Err()
}

// actMembers reads the body of an act, which may have these members only.
func actMembers(c *validation.Checks, body []byte, names ...string) (members map[string]json.RawMessage, ok bool) {
	members, ok = membersOf(c, body, `send {"`+strings.Join(names, `": ..., "`)+`": ...}`)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(names, name) {
			c.Add(validation.Member("", name), validation.UnknownMember, "must be one of "+strings.Join(names, ", "),
				"leave it out")
		}
	}
	return members, ok
}

// reasonOf reads the reason that an act needs.
func reasonOf(c *validation.Checks, members map[string]json.RawMessage) string {
	if members["reason"] == nil {
		c.Add("reason", validation.Required, "must say why, in 1 to 500 visible characters on one line",
			"say it for those who read the timeline later")
	}
	return lineOf(c, members, "reason", maxActReason, "say it in fewer words, on one line")
}

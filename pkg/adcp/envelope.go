package adcp

import "slices"

// webhookOnly are the members of a webhook's envelope that no answer has.
var webhookOnly = [...]string{"token", "notification_id", "protocol"}

// strippedMembers are the envelope members that are taken out of a task's body. The context stays:
// response schemas declare it too, and it is the client's own (contract H4).
var strippedMembers = without(envelopeMembers(), "context")

// envelopeMembers returns the members of an answer that belong to the protocol and not to the task
// (contract B3): those of its own envelope, and those of a webhook's that agents repeat in a
// result.
func envelopeMembers() []string {
	all := slices.Clone(protocolMembers[:])
	for _, name := range payloadMembers {
		if !slices.Contains(all, name) && !slices.Contains(webhookOnly[:], name) {
			all = append(all, name)
		}
	}
	return all
}

// EnvelopeMember reports whether a member of an answer belongs to the protocol and not to the task
// (contract B3). Agents put such members into one channel's result and leave them out of another's,
// so they say nothing about whether two ends are the same (contract H4).
func EnvelopeMember(name string) bool {
	return name == "context" || slices.Contains(strippedMembers, name)
}

package orchestrator

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// Input is what a person answers to an agent that waits (contract J).
type Input struct {
	// Generation is that of the input request that is answered.
	Generation int
	// Arguments are added to the request's, or take their places.
	Arguments map[string]json.RawMessage
	// OnBehalfOf is who the client says has approved it, "" if it does not say; Note is what the
	// client notes about it, "" for nothing (contract J8).
	OnBehalfOf, Note string
	// By is who sends it.
	By Act

	fingerprint string
}

// fixedMembers are the members of a request that an input can't change: an operation keeps its
// account for life (contract L21), and what its natural key was made of.
var fixedMembers = []string{"account", "context", "po_number", "purchase_order_ref", "media_buy_id"}

// acceptedMembers are fixed in an acceptance. The input of a create_media_buy may choose another
// proposal, as it always could: no key is made of it.
var acceptedMembers = []string{"proposal_id", "proposal_terms_digest"}

// immutableRule is the rule that an input breaks by setting what it can't change.
const immutableRule = "must not be set: an input can't change it"

// inputMembers are the members of an input.
var inputMembers = []string{"generation", "input", "on_behalf_of", "note"}

// maxOnBehalfOf is the longest name of an approver, in characters.
const maxOnBehalfOf = 200

// ParseInput reads an input. It returns a *validation.Error that names every wrong field.
func ParseInput(body []byte) (Input, error) {
	var in Input
	var c validation.Checks
	members, ok := membersOf(&c, body, `send {"generation": 1, "input": {...}, "on_behalf_of": "..."}`)
	if !ok {
		return in, c.Err()
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(inputMembers, name) {
			c.AddUnknown("", name, inputMembers, "put AdCP arguments into input")
		}
	}
	if json.Unmarshal(members["generation"], &in.Generation) != nil || in.Generation < 1 {
		c.Add("generation", validation.InvalidValue, "must be the number of the input request that is answered",
			"send input_request.generation of the operation as you read it")
	}
	if json.Unmarshal(members["input"], &in.Arguments) != nil || in.Arguments == nil {
		c.Add("input", validation.InvalidValue, "must be an object: the arguments to add or to change",
			"send {} to approve the request as it is")
	}
	for _, name := range slices.Concat(orchestratorMembers, fixedMembers) {
		if _, set := in.Arguments[name]; set {
			c.Add("input."+name, validation.Immutable, immutableRule, "leave it out")
		}
	}
	in.OnBehalfOf = lineOf(&c, members, "on_behalf_of", maxOnBehalfOf, "name the person or the system that approved it")
	in.Note = lineOf(&c, members, "note", maxActReason, "say it in fewer words")
	c.AddBadValues(body)
	if err := c.Err(); err != nil {
		return in, err
	}
	var err error
	in.fingerprint, err = digest.JSON(body)
	return in, err
}

// checkArguments checks the input's arguments, and the request that they make together with the
// first one's.
func (in Input) checkArguments(c *validation.Checks, op operation.Operation, all map[string]json.RawMessage) {
	for name, v := range in.Arguments {
		if op.Type == adcp.AcceptProposal && slices.Contains(acceptedMembers, name) {
			c.Add(validation.Member("input", name), validation.Immutable, immutableRule, "leave it out")
		}
		if strings.Contains(string(v), credentialPlaceholder(op.ID)) { // stands for what only we may place
			c.Add(validation.Member("input", name), validation.Reserved, "must not contain a text that is reserved",
				"leave out "+credentialPlaceholder(op.ID))
		}
	}
	fields := maps.Clone(all)
	// What an input can't change was accepted with the request, whatever the rules were then.
	for _, name := range slices.Concat(orchestratorMembers, []string{"context", "po_number", "purchase_order_ref"}) {
		delete(fields, name)
	}
	SubmitRequest{AgentID: op.AgentID, Type: op.Type, fields: fields}.check(c)
}

package operation

import "encoding/json"

// Change is everything that one write stores: all of it or nothing.
type Change struct {
	// Op is the operation after the change. The write is conditional on Op.Version-1 being stored.
	Op     Operation
	Events []Event
	// Result is the task's own body, if this change ends the operation.
	Result json.RawMessage
	// Input is the frozen request of Op.InputRequest.Input, if this change accepts it. It is kept
	// under the input request's generation.
	Input json.RawMessage
	// BindTask claims Op.TaskID for this operation: no other operation at the same agent can have it
	// (contract H3). The agent is Op.Target's, whatever the id of its entry: an entry can be given
	// another URL.
	BindTask bool
	// Names are those that the operation has from this change on, and FormerNames those that it has no
	// longer (see Operation.Names): it is found by them.
	Names, FormerNames []string
	// FreeNaturalKey frees the operation's natural keys, each if the operation still holds it: another
	// operation can take them from then on.
	FreeNaturalKey bool
	// Uncount takes the operation out of its agent's count of open operations: it ends by this change.
	Uncount bool
	// Used: the operation had ended, and the change counts more of what it has used. If no notice of
	// the change counts that, it is stored as the rest that is still to be counted.
	Used bool
	// Delivery is the webhook delivery that made the change, claimed in the same write (contract H11).
	Delivery *Delivery
}

// Delivery identifies a webhook delivery (contract F74): by its sender, never by its payload
// (contract F75).
type Delivery struct {
	Tenant string
	// Sender is the authenticated agent: by its URL, not by the id of its entry (contract F75).
	Sender string
	// KeyHash is SHA-256 of the delivery's idempotency key (contract C20).
	KeyHash string
	// Fingerprint is SHA-256 of the JCS of the complete payload (contract F82).
	Fingerprint string
	OperationID string
	Verdict     Verdict
	// Replay is the quarantined delivery that a person had applied, empty if the agent's own delivery
	// made the change. A replay takes the key over from its own payload, if that was a conflict.
	Replay string
	// ExpiresAt is in Unix seconds: from the first acceptance, never extended (contract F74).
	ExpiresAt int64
}

// Record is an operation with all that is kept beside it.
type Record struct {
	Op      Operation
	Request json.RawMessage // the frozen arguments, without the webhook's credential
	Result  json.RawMessage
	Events  []Event // oldest first
}

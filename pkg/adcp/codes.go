package adcp

import (
	"slices"
	"strings"
)

// Effect is what an AdCP error proves about the request that it answers (contract C29).
type Effect string

// The effects.
const (
	// NotDone: the agent refused the request; nothing was carried out.
	NotDone Effect = "not_done"
	// MaybeDone: nothing is proven. Agents answer such errors for failures of their own as well, and
	// these can come after the request was carried out.
	MaybeDone Effect = "maybe_done"
	// Done: the request was carried out and stands, though the agent no longer has the answer.
	Done Effect = "done"
)

// Reaction is what the orchestrator does about an AdCP error (contract D27).
type Reaction string

// The reactions.
const (
	// End: the request as it stands can't succeed; the operation ends with the error.
	End Reaction = "end"
	// Resend: send the same bytes again later, bounded by count and time.
	Resend Reaction = "resend"
	// Rebuild: the same bytes can never succeed; somebody has to read again and submit anew.
	Rebuild Reaction = "rebuild"
	// AskPerson: wait for a person, who redrives the operation when the cause is gone.
	AskPerson Reaction = "ask_person"
	// RenewCredential: the agent refuses our credential; send again when it was renewed (contract
	// D12).
	RenewCredential Reaction = "renew_credential"
	// AskByKey: the error is about the idempotency key; the key, not the code, says what was done.
	AskByKey Reaction = "ask_by_key"
	// LookUp: never send again; the result is at the agent.
	LookUp Reaction = "look_up"
)

// CodePolicy is what the protocol and our rules say about one error code.
type CodePolicy struct {
	Recovery Recovery
	Effect   Effect
	Reaction Reaction
}

// PolicyOf returns the policy for an error code. known is false for a code outside the vocabulary,
// which is open (contract D17). Nothing is concluded from such a code (contract D7): the request is
// sent again with the same key and bytes a few times, and a person is asked.
func PolicyOf(code string) (p CodePolicy, known bool) {
	r, known := RecoveryOf(code)
	if !known {
		return CodePolicy{r, MaybeDone, Resend}, false
	}
	p = reactionsTo(code, r)
	return p, true
}

// RecoveryOf returns the recovery that the protocol assigns to an error code (contract D20, D21),
// for an error that states none itself. An unknown code is Transient (contract D7).
func RecoveryOf(code string) (r Recovery, known bool) {
	i, known := slices.BinarySearchFunc(recoveries[:], code, func(c codeRecovery, code string) int {
		return strings.Compare(c.code, code)
	})
	if !known {
		return Transient, false
	}
	return recoveries[i].recovery, true
}

// ReadableCode returns the error's code if it has the form of AdCP's codes, else "". Nothing else
// that an agent sends may stand in a sentence of ours (contract L13, L14).
func (e Error) ReadableCode() string {
	for i := range len(e.Code) {
		b := e.Code[i]
		upper := 'A' <= b && b <= 'Z'
		if !upper && (i == 0 || b != '_' && (b < '0' || b > '9')) {
			return ""
		}
	}
	if len(e.Code) > maxCodeLength {
		return ""
	}
	return e.Code
}

// Describe says what the agent answered, for timelines and attention.
func (e Error) Describe() string {
	if code := e.ReadableCode(); code != "" {
		return "the agent answered " + code
	}
	return "the agent answered an error with an unreadable code"
}

package orchestrator

import (
	"context"
	"encoding/json"
	"io"
	"maps"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// InputStore is what SendInput needs of the store.
type InputStore interface {
	operations
	requests
}

// SendInput takes a person's answer to an input request.
type SendInput struct {
	Store    InputStore
	Workflow Waker
	// Random is the source of keys; nil is crypto/rand.Reader.
	Random io.Reader
	Deps   Deps
}

// Run stores an input as the answer to its input request, and wakes the workflow to send it: the
// whole request with the input's arguments, under a key of its own, frozen (contract J3, J4). The
// same input again is no error and sends nothing. It returns store.ErrNotFound, a
// *validation.Error, a *VersionMismatchError, or an *InputRefusedError.
func (s SendInput) Run(ctx context.Context, tenant, id string, in Input) (operation.Operation, error) {
	accepted := false
	op, err := update(ctx, s.Store, tenant, id, func(op operation.Operation) (*operation.Change, error) {
		accepted = false
		if err := in.By.checkVersion(op); err != nil {
			return nil, err
		}
		known, err := in.check(op)
		if err != nil || known {
			return nil, err
		}
		request, err := s.Store.Request(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		frozen, err := s.freeze(op, request, in)
		if err != nil {
			return nil, err
		}
		accepted = true
		by := in.By
		by.Actor.OnBehalfOf, by.Reason = in.OnBehalfOf, in.Note
		e := op.AcceptInput(s.Deps.Now().UTC(), in.fingerprint, by.Actor)
		return &operation.Change{Op: op, Events: []operation.Event{by.signed(e)}, Input: frozen}, nil
	})
	if err != nil || !accepted {
		return op, err
	}
	// Stored, then signaled. If this fails the reconciler wakes the execution, or starts another.
	if err := wakeNow(ctx, s.Workflow, op, operation.NextPoll); err != nil {
		opLog(op).WarnContext(ctx, "execution not woken, left to the reconciler", "error", err)
	}
	return op, nil
}

// freeze makes the bytes of an input: the request's arguments and the input's, in the order of
// their names.
func (s SendInput) freeze(op operation.Operation, request json.RawMessage, in Input) (json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(request, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, in.Arguments)
	var c validation.Checks
	in.checkArguments(&c, op, all)
	if err := c.Err(); err != nil {
		return nil, err
	}
	key, err := uuid.NewRandomFromReader(source(s.Random))
	if err != nil {
		return nil, err
	}
	all["idempotency_key"] = json.RawMessage(`"` + key.String() + `"`)
	return json.Marshal(all)
}

// InputRefusedError says that an input is not taken: nothing was stored.
type InputRefusedError struct {
	Code InputRefusal
	// State is the operation's, Generation that of its last input request.
	State      operation.State
	Generation int
}

// InputRefusal is the code of an InputRefusedError.
type InputRefusal string

// Why an input is not taken.
const (
	InputSuperseded   InputRefusal = "input_superseded"    // the request is over: answered or gone on (races R4, R12)
	InputTaken        InputRefusal = "input_taken"         // another input was taken for the same request (race R12)
	InputNotRequested InputRefusal = "input_not_requested" // the agent has not requested anything yet
	InputNotPossible  InputRefusal = "input_not_possible"  // the agent gave no way back (contract J4)
)

// Error returns the code.
func (e *InputRefusedError) Error() string { return string(e.Code) }

// check reports whether an operation takes an input; known is an input that it has taken before.
func (in Input) check(op operation.Operation) (known bool, err error) {
	r := op.InputRequest
	refuse := func(code InputRefusal) error {
		return &InputRefusedError{Code: code, State: op.State, Generation: r.Generation}
	}
	same := in.Generation == r.Generation && r.Input.Fingerprint == in.fingerprint
	repeated := in.Generation == r.Generation-1 && r.PreviousInput == in.fingerprint // race R11
	switch {
	case same && r.Input.State == operation.InputStale:
		return false, refuse(InputSuperseded)
	case same, repeated:
		return true, nil
	case in.Generation != r.Generation && r.Generation != 0:
		return false, refuse(InputSuperseded)
	}
	if code := WhyNotAnswerable(op); code != "" {
		return false, refuse(code)
	}
	return false, nil
}

// WhyNotAnswerable returns why an operation takes no input for its last input request, "" if it
// does.
func WhyNotAnswerable(op operation.Operation) InputRefusal {
	r := op.InputRequest
	switch {
	case r.Generation == 0 && !op.State.Terminal():
		return InputNotRequested
	case !op.NeedsInput():
		return InputSuperseded
	case r.Input.State != "":
		return InputTaken
	case !op.Answerable():
		return InputNotPossible
	}
	return ""
}

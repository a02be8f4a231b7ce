package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Reply is what a human answers to an agent that waits (contract J).
type Input struct {
	// Generation is the pause's that is answered.
	Generation int
	// Input are the arguments to be added to the request's, or to take their places.
	Arguments map[string]json.RawMessage
	// By is who approved it: a name for the record (contract J8).
	OnBehalfOf string

	fingerprint string
}

// fixed are the members of a request that a reply can't change: an operation's account and purchase order are its own for life (contract L21).
var fixedMembers = []string{"account", "context", "po_number"}

// maxName is the longest name of an approver, in characters.
const maxOnBehalfOf = 200

// ParseReply reads a reply. It returns an *InvalidError that names every wrong field.
func ParseInput(body []byte) (Input, error) {
	var r Input
	var c validation.Checks
	const form = `send {"generation": 1, "input": {...}, "approved_by": "..."}`
	var members map[string]json.RawMessage
	if err := adcp.CheckObject(body); err != nil || json.Unmarshal(body, &members) != nil {
		c.Add("(body)", "one JSON object without duplicate keys", form)
		return r, c.Err()
	}
	for name := range members {
		if name != "generation" && name != "input" && name != "approved_by" {
			c.Add(name, "is not a member of a resume", "put AdCP arguments into input")
		}
	}
	if json.Unmarshal(members["generation"], &r.Generation) != nil || r.Generation < 1 {
		c.Add("generation", "the number of the pause that is answered", "send pause.generation of the operation as you read it")
	}
	if json.Unmarshal(members["input"], &r.Arguments) != nil || r.Arguments == nil {
		c.Add("input", "an object: the arguments to add or to change", "send {} if the agent only waits for leave to go on")
	}
	for _, name := range append(orchestratorMembers, fixedMembers...) {
		if _, set := r.Arguments[name]; set {
			c.Add("input."+name, "can't be changed by a resume", "leave it out")
		}
	}
	if json.Unmarshal(members["approved_by"], &r.OnBehalfOf) != nil || strings.TrimSpace(r.OnBehalfOf) == "" || utf8.RuneCountInString(r.OnBehalfOf) > maxOnBehalfOf || strings.ContainsFunc(r.OnBehalfOf, func(c rune) bool { return c < ' ' }) {
		c.Add("approved_by", fmt.Sprintf("who approved it, 1 to %d characters on one line", maxOnBehalfOf), "name the person or the system")
	}
	if err := c.Err(); err != nil {
		return r, err
	}
	var err error
	r.fingerprint, err = digest.JSON(body)
	return r, err
}

// RefusedResumeError says why a resume is not taken, in a word for machines: nothing was stored.
type InputRefusedError struct {
	Code InputRefusal
	// State is how the operation stands, Generation its last pause.
	State      operation.State
	Generation int
}

// Refusal is why a resume is not taken.
type InputRefusal string

// Why a resume is not taken.
const (
	InputSuperseded   InputRefusal = "resume_stale"        // the pause is over: answered, gone on without us, or ended (races R4, R12)
	InputTaken        InputRefusal = "resume_in_progress"  // another one was taken for the same pause (race R12)
	InputNotRequested InputRefusal = "resume_not_paused"   // the agent has not asked for anything yet
	InputNotPossible  InputRefusal = "resume_not_possible" // the agent gave no way back (contract J4)
)

func (e *InputRefusedError) Error() string { return string(e.Code) }

// ResumeStore is what Resume needs of the store.
type InputStore interface {
	operations
	// Request returns an operation's frozen arguments, or ErrNotFound.
	Request(ctx context.Context, tenant, id string) (json.RawMessage, error)
}

// Resume takes a human's answer to a pause.
type SendInput struct {
	Store    InputStore
	Workflow Waker
	// Random yields keys; crypto/rand.Reader in production.
	Random io.Reader
	Deps   Deps
}

// Run stores a reply as the one that its pause is answered by, and wakes the workflow to send it: the whole request with the reply's arguments, under a key of
// its own, frozen (contract J3, J4). The same reply again is no error and sends nothing. It returns ErrNotFound, an *InvalidError, or a *RefusedResumeError.
func (r SendInput) Run(ctx context.Context, tenant, id string, reply Input) (operation.Operation, error) {
	accepted := false
	op, err := update(ctx, r.Store, tenant, id, func(op operation.Operation) (*operation.Change, error) {
		accepted = false
		known, err := reply.check(op)
		if err != nil || known {
			return nil, err
		}
		request, err := r.Store.Request(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		frozen, err := r.freeze(op, request, reply)
		if err != nil {
			return nil, err
		}
		accepted = true
		e := op.AcceptInput(r.Deps.Now().UTC(), reply.fingerprint, reply.OnBehalfOf)
		return &operation.Change{Op: op, Events: []operation.Event{e}, Input: frozen}, nil
	})
	if err != nil {
		return op, err
	}
	if accepted && op.TaskToken != "" {
		// Stored, then signalled. If this fails the sweeper wakes it, or starts another.
		if err := r.Workflow.Wake(ctx, op.TaskToken, operation.NextPoll); err != nil {
			slog.WarnContext(ctx, "execution not woken, left to the sweeper", "operation", id, "tenant", tenant, "error", err)
		}
	}
	return op, nil
}

// judge says whether an operation takes a reply; known is a reply that it has taken before.
func (reply Input) check(op operation.Operation) (known bool, err error) {
	p := op.InputRequest
	no := func(code InputRefusal) error {
		return &InputRefusedError{Code: code, State: op.State, Generation: p.Generation}
	}
	same := reply.Generation == p.Generation && p.Input.Fingerprint == reply.fingerprint
	switch {
	case same && p.Input.State == operation.InputStale:
		return false, no(InputSuperseded)
	case same, reply.Generation == p.Generation-1 && p.PreviousInput == reply.fingerprint: // race R11
		return true, nil
	case p.Generation == 0 && !op.State.Terminal():
		return false, no(InputNotRequested)
	case !op.NeedsInput(), reply.Generation != p.Generation:
		return false, no(InputSuperseded)
	case p.Input.State != "":
		return false, no(InputTaken)
	case !op.Answerable():
		return false, no(InputNotPossible)
	}
	return false, nil
}

// freeze makes the bytes of a resume: the request's arguments and the reply's, in the order of their names.
func (r SendInput) freeze(op operation.Operation, request json.RawMessage, reply Input) (json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(request, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, reply.Arguments)
	asked := maps.Clone(all)
	for _, name := range append(orchestratorMembers, "context") {
		delete(asked, name)
	}
	var c validation.Checks
	for name, v := range reply.Arguments {
		if strings.Contains(string(v), credentialPlaceholder(op.ID)) { // stands for what nobody may place but us
			c.Add("input."+name, "holds a text that is reserved", "leave out "+credentialPlaceholder(op.ID))
		}
	}
	SubmitRequest{AgentID: op.AgentID, Type: op.Type, fields: asked}.check(&c)
	if err := c.Err(); err != nil {
		return nil, err
	}
	key, err := uuid.NewRandomFromReader(source(r.Random))
	if err != nil {
		return nil, err
	}
	all["idempotency_key"] = json.RawMessage(`"` + key.String() + `"`)
	return json.Marshal(all)
}

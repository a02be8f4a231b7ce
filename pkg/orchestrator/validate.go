package orchestrator

import (
	"cmp"
	"context"
	"errors"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// Verdict is what a valid submission would do.
type Verdict struct {
	Type    adcp.Task
	AgentID string
	// Release is the release that the request was checked against.
	Release string
	// Match says how Existing was found, if the submission would return an operation that exists.
	Match    DedupMatch
	Existing operation.Operation
	// WaitsFor is the operation whose end the new one would wait for, "" if it would not wait.
	WaitsFor string
	// Findings is what its sender should know, empty if there is nothing.
	Findings []registry.Finding
}

// Validate checks a submission in each way that needs no write, and stores nothing. The limits of
// the tenant are not among them. key may be empty. wrong is what is known to be wrong already, or
// nil. It returns what Run would: a *validation.Error, ErrPayloadDiffers, a *SubmitRefusedError.
func (s Submit) Validate(ctx context.Context, tenant, key string, r SubmitRequest, wrong *validation.Error) (
	Verdict, error) {
	fingerprint, err := r.fingerprint()
	if err != nil && wrong == nil {
		return Verdict{}, err
	}
	v := Verdict{Type: r.Type, AgentID: r.AgentID, Findings: []registry.Finding{}}
	if key != "" && wrong == nil {
		v.Existing, v.Match, err = s.find(ctx, tenant, digest.Hex(key), fingerprint)
		if !errors.Is(err, store.ErrNotFound) {
			v.Release = cmp.Or(v.Existing.Call.ADCPVersion, adcp.Version)
			return v, err
		}
	}
	k, err := s.check(ctx, tenant, r, wrong)
	if err != nil {
		return Verdict{}, err
	}
	v.Release, v.Findings = k.release, k.findings(r.Type)
	s.Store = dryStore{s.Store}
	op, match, err := s.open(ctx, tenant, digest.Hex(key), fingerprint, r, k)
	for range maxStale {
		if !errors.Is(err, store.ErrStale) { // else an operation changed meanwhile
			break
		}
		op, match, err = s.open(ctx, tenant, digest.Hex(key), fingerprint, r, k)
	}
	if match == MatchNew {
		v.WaitsFor = op.WaitsFor
	} else {
		v.Existing, v.Match = op, match
	}
	return v, err
}

// maxStale is how often a validation begins again because an operation has changed.
const maxStale = 5

// The codes of findings about a submission.
const (
	findingReleaseUnknown = "agent_release_unknown"
	findingOlderRelease   = "older_release"
	findingNotOffered     = "task_not_offered"
)

// findings is what the sender of a valid submission should know.
func (k checked) findings(t adcp.Task) []registry.Finding {
	found := []registry.Finding{}
	add := func(code string, s registry.Severity, field, detail, remedy string) {
		found = append(found, registry.Finding{Code: code, Severity: s, Field: field, Detail: detail, Remedy: remedy})
	}
	if !k.profile.Offers(t) {
		add(findingNotOffered, registry.SeverityUnsafe, "type", "the agent does not offer "+string(t)+": the operation "+
			"would wait for it", "choose another agent, or register this one again if it has the tool by now")
	}
	if !k.agreed {
		add(findingReleaseUnknown, registry.SeverityNote, "agent_id", "it is not known which releases the agent speaks: "+
			"the request was checked against AdCP "+k.release, "register the agent again when it can be reached")
	}
	for _, b := range k.better {
		add(findingOlderRelease, registry.SeverityNote, b.wrong.Field, "the agent speaks AdCP "+b.release+" too, in which "+
			"the request is not valid: "+b.wrong.Field+" "+b.wrong.Rule+"; the request is sent in AdCP "+k.release,
			b.wrong.Remedy)
	}
	return found
}

// A dryStore is a store in which a submission finds what it would find, and stores nothing.
type dryStore struct{ SubmitStore }

// Create returns what it would return if another operation holds a natural key.
func (s dryStore) Create(ctx context.Context, n NewOperation) error {
	for _, key := range n.Op.NaturalKeys() {
		holder, err := s.NaturalKeyHolder(ctx, n.Op.Tenant, key)
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && holder.OperationID == *n.Replaced(key):
		case err != nil:
			return err
		default:
			return &store.NaturalKeyTakenError{OperationID: holder.OperationID, Fingerprint: holder.Fingerprint, Key: key}
		}
	}
	return nil
}

// Bind binds nothing.
func (dryStore) Bind(context.Context, string, string, string, IdempotencyRecord) error { return nil }

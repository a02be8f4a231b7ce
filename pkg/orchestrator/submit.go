package orchestrator

import (
	"context"
	"errors"
	"io"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// ErrPayloadDiffers says that the idempotency key was used with another payload.
var ErrPayloadDiffers = errors.New("the idempotency key was used with another payload")

// SubmitStore is what Submit needs of the store.
type SubmitStore interface {
	operationReader
	registry.AgentReader
	registry.Profiles
	// IdempotencyRecord returns what an idempotency key is bound to, or store.ErrNotFound.
	IdempotencyRecord(ctx context.Context, tenant, keyHash string) (IdempotencyRecord, error)
	// Create stores a new operation with its key and natural keys. It returns store.ErrKeyTaken, a
	// *store.NaturalKeyTakenError or store.ErrAgentDeleted; then nothing was stored.
	Create(ctx context.Context, n NewOperation) error
	// NaturalKeyHolder returns the operation that holds a natural key, with the fingerprint that the
	// key was taken with, or store.ErrNotFound.
	NaturalKeyHolder(ctx context.Context, tenant, naturalHash string) (IdempotencyRecord, error)
	// Bind binds another idempotency key to the operation that holds a natural key. It returns
	// store.ErrKeyTaken, or store.ErrStale if the natural key is no longer that operation's.
	Bind(ctx context.Context, tenant, keyHash, naturalHash string, r IdempotencyRecord) error
}

// Submit takes operations in.
type Submit struct {
	Store    SubmitStore
	Workflow Starter
	// Queue takes the starts that Step Functions throttles; nil leaves them to the reconciler.
	Queue *StartQueue
	Deps  Deps
	// Random is the source of ids and tokens; nil is crypto/rand.Reader.
	Random io.Reader
	// Admit, if set, may refuse a new operation because of a limit. A repetition is never refused: it
	// is found before. Run returns the error.
	Admit func(ctx context.Context, tenant string) error
	// BaseURL is the public address of the webhook route, without a trailing slash.
	BaseURL string
}

// DedupMatch is how a submission found its operation.
type DedupMatch string

// How a submission found its operation.
const (
	MatchNew DedupMatch = ""
	MatchKey DedupMatch = "idempotency_key"
	// MatchNatural: by its purchase order, whichever member names it.
	MatchNatural DedupMatch = "po_number"
	// MatchProposal: by the proposal that it accepts.
	MatchProposal DedupMatch = "proposal_id"
)

// Run stores the operation of a valid request, or finds the one that was stored for it before, and
// starts its workflow. It returns ErrPayloadDiffers, a *SubmitRefusedError, a *validation.Error, a
// *QueueFullError for a new operation, or an internal fault after which the same call may be made
// again.
func (s Submit) Run(ctx context.Context, tenant, key string, r SubmitRequest) (
	operation.Operation, DedupMatch, error) {
	keyHash := digest.Hex(key)
	fingerprint, err := r.fingerprint()
	if err != nil {
		return operation.Operation{}, "", err
	}
	for {
		op, match, err := s.find(ctx, tenant, keyHash, fingerprint)
		if errors.Is(err, store.ErrNotFound) {
			op, match, err = s.create(ctx, tenant, keyHash, fingerprint, r)
		}
		// Another request was faster: the same submission, or the deletion of the agent.
		if errors.Is(err, store.ErrKeyTaken) || errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrAgentDeleted) {
			if ctx.Err() != nil {
				return op, "", ctx.Err()
			}
			continue
		}
		if err != nil {
			return op, "", err
		}
		if op.State == operation.Requested {
			// Stored, then signaled. If this fails the reconciler starts it: the client's answer is the
			// same.
			if err := s.Queue.start(ctx, s.Workflow, op); err != nil {
				opLog(op).WarnContext(ctx, "execution not started, left to the reconciler", "error", err)
			}
		}
		return op, match, nil
	}
}

// find returns the operation that the key is bound to, or store.ErrNotFound.
func (s Submit) find(ctx context.Context, tenant, keyHash, fingerprint string) (
	operation.Operation, DedupMatch, error) {
	record, err := s.Store.IdempotencyRecord(ctx, tenant, keyHash)
	if err != nil {
		return operation.Operation{}, "", err
	}
	if record.Fingerprint != fingerprint {
		return operation.Operation{}, "", ErrPayloadDiffers
	}
	op, err := s.Store.Get(ctx, tenant, record.OperationID)
	if errors.Is(err, store.ErrNotFound) {
		return op, "", &SubmitRefusedError{Code: OperationExpired, OperationID: record.OperationID}
	}
	return op, MatchKey, err
}

// create checks a submission and stores a new operation, or finds the one that holds one of its
// natural keys.
func (s Submit) create(ctx context.Context, tenant, keyHash, fingerprint string, r SubmitRequest) (
	operation.Operation, DedupMatch, error) {
	if err := s.Queue.admit(ctx); err != nil { // before anything is stored, and after the key was looked up
		return operation.Operation{}, "", err
	}
	k, err := s.check(ctx, tenant, r, nil)
	if err != nil {
		return operation.Operation{}, "", err
	}
	if s.Admit != nil { // what is refused opens nothing, so it is not counted
		if err := s.Admit(ctx, tenant); err != nil {
			return operation.Operation{}, "", err
		}
	}
	return s.open(ctx, tenant, keyHash, fingerprint, r, k)
}

// open stores the operation of a submission that was checked, or finds the one that holds the same
// natural key.
func (s Submit) open(ctx context.Context, tenant, keyHash, fingerprint string, r SubmitRequest, k checked) (
	operation.Operation, DedupMatch, error) {
	n, err := s.prepare(tenant, r, k.agent)
	if err != nil {
		return operation.Operation{}, "", err
	}
	if k.agreed {
		n.Op.Call.ADCPVersion = k.release
	}
	n.KeyHash, n.Fingerprint = keyHash, fingerprint
	if op, match, settled, err := s.competeWithFormer(ctx, &n, r); settled || err != nil {
		return op, match, err
	}
	return s.store(ctx, n, r)
}

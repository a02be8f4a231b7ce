package orchestrator

import (
	"context"
	"errors"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// competeWithFormer decides about a new operation by what older code has stored under its own
// natural keys. settled is false if nothing of that stands in the way; n may have to wait.
func (s Submit) competeWithFormer(ctx context.Context, n *NewOperation, r SubmitRequest) (
	op operation.Operation, match DedupMatch, settled bool, err error) {
	keys, err := r.formerNaturalKeys()
	if err != nil {
		return op, "", false, err
	}
	for _, key := range keys {
		record, err := s.Store.NaturalKeyHolder(ctx, n.Op.Tenant, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return op, "", false, err
		}
		holder, err := s.Store.Get(ctx, n.Op.Tenant, record.OperationID)
		switch {
		case errors.Is(err, store.ErrNotFound) && r.Type.MakesBuy():
			return op, "", true, &SubmitRefusedError{Code: OperationExpired, OperationID: record.OperationID}
		case errors.Is(err, store.ErrNotFound): // a change that has expired has ended
			continue
		case err != nil:
			return op, "", false, err
		}
		if op, match, settled, err = s.decide(ctx, n, holder, key, record.Fingerprint, r); settled || err != nil {
			return op, match, settled, err
		}
	}
	return op, "", false, nil
}

// store stores a new operation, or finds the one that holds one of its natural keys. An operation
// takes all its keys or none: each that is taken is decided on before the next try, and one that
// may be taken over is so in the write that stores the operation. It returns store.ErrKeyTaken, or
// store.ErrStale if a holder changed meanwhile.
func (s Submit) store(ctx context.Context, n NewOperation, r SubmitRequest) (operation.Operation, DedupMatch, error) {
	for {
		err := s.Store.Create(ctx, n)
		var taken *store.NaturalKeyTakenError
		if !errors.As(err, &taken) {
			return n.Op, MatchNew, err
		}
		replaced := n.Replaced(taken.Key)
		if *replaced != "" { // another operation holds the key by now
			return operation.Operation{}, "", store.ErrStale
		}
		if op, match, settled, err := s.compete(ctx, &n, taken, r); settled || err != nil {
			return op, match, err
		}
		*replaced = taken.OperationID
	}
}

// compete decides about a new operation of which a natural key is taken. If settled is false, it
// may take the key over.
func (s Submit) compete(ctx context.Context, n *NewOperation, taken *store.NaturalKeyTakenError, r SubmitRequest) (
	op operation.Operation, match DedupMatch, settled bool, err error) {
	holder, err := s.Store.Get(ctx, n.Op.Tenant, taken.OperationID)
	switch {
	case errors.Is(err, store.ErrNotFound) && r.Type.MakesBuy():
		return op, "", true, &SubmitRefusedError{Code: OperationExpired, OperationID: taken.OperationID}
	case errors.Is(err, store.ErrNotFound): // a change that has expired has ended
		return op, "", false, nil
	case err != nil:
		return op, "", false, err
	}
	return s.decide(ctx, n, holder, taken.Key, taken.Fingerprint, r)
}

// decide decides about a new operation by the operation that holds its natural key, which was taken
// with a fingerprint. If settled is false it may be made, after the one that n then waits for.
func (s Submit) decide(ctx context.Context, n *NewOperation, holder operation.Operation, key, fingerprint string,
	r SubmitRequest) (op operation.Operation, match DedupMatch, settled bool, err error) {
	if r.Type.ChangesBuy() {
		open, found, err := firstOpen(ctx, s.Store, holder)
		switch {
		case err != nil:
			return open, "", false, err
		case found && r.OnConflict != OnConflictWait:
			return open, "", true, &SubmitRefusedError{Code: BuyHasOpenChange, OperationID: open.ID, State: open.State}
		case found:
			n.Op.WaitsFor = holder.ID
			n.Event.Detail = "waits for the end of " + holder.ID
		}
		return open, "", false, nil
	}
	if !holder.HoldsNaturalKey() {
		return holder, "", false, nil
	}
	former, err := r.formerNaturalFingerprint()
	if err != nil {
		return holder, "", false, err
	}
	refused := &SubmitRefusedError{Code: PONumberInUse, OperationID: holder.ID, State: holder.State}
	match = MatchNatural
	if r.Type == adcp.AcceptProposal && key == n.Op.NaturalKey {
		refused.Code, match = ProposalInUse, MatchProposal
	} else if member := r.orderMember(); member != "po_number" {
		refused.Member = member
	}
	if fingerprint != n.NaturalFingerprint && fingerprint != former || holder.Type != r.Type {
		return holder, "", true, refused
	}
	// This key is the operation's second name from now on, so that a late retry can't buy again,
	// whatever becomes of the natural key.
	record := IdempotencyRecord{OperationID: holder.ID, Fingerprint: n.Fingerprint, ExpiresAt: holder.ExpiresAt}
	return holder, match, true, s.Store.Bind(ctx, n.Op.Tenant, n.KeyHash, key, record)
}

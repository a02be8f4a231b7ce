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
		case errors.Is(err, store.ErrNotFound) && r.Type == adcp.CreateMediaBuy:
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

// compete decides about a new operation whose natural key is taken. It returns store.ErrStale if
// the holder changed meanwhile.
func (s Submit) compete(ctx context.Context, n NewOperation, taken *store.NaturalKeyTakenError, r SubmitRequest) (
	operation.Operation, DedupMatch, error) {
	holder, err := s.Store.Get(ctx, n.Op.Tenant, taken.OperationID)
	switch {
	case errors.Is(err, store.ErrNotFound) && r.Type == adcp.CreateMediaBuy:
		return holder, "", &SubmitRefusedError{Code: OperationExpired, OperationID: taken.OperationID}
	case errors.Is(err, store.ErrNotFound): // a change that has expired has ended
		return s.replace(ctx, n, taken.OperationID)
	case err != nil:
		return holder, "", err
	}
	op, match, settled, err := s.decide(ctx, &n, holder, n.Op.NaturalKey, taken.Fingerprint, r)
	if settled || err != nil {
		return op, match, err
	}
	return s.replace(ctx, n, holder.ID)
}

// replace stores a new operation that takes the natural key over from its holder. It returns
// store.ErrStale if another operation holds the key by now.
func (s Submit) replace(ctx context.Context, n NewOperation, holder string) (
	operation.Operation, DedupMatch, error) {
	n.Replaces = holder
	err := s.Store.Create(ctx, n)
	if errors.As(err, new(*store.NaturalKeyTakenError)) {
		return operation.Operation{}, "", store.ErrStale
	}
	return n.Op, MatchNew, err
}

// decide decides about a new operation by the operation that holds its natural key, which was taken
// with a fingerprint. If settled is false it may be made, after the one that n then waits for.
func (s Submit) decide(ctx context.Context, n *NewOperation, holder operation.Operation, key, fingerprint string,
	r SubmitRequest) (op operation.Operation, match DedupMatch, settled bool, err error) {
	if r.Type == adcp.UpdateMediaBuy {
		open, found, err := firstOpen(ctx, s.Store, holder)
		switch {
		case err != nil:
			return open, "", false, err
		case found && r.OnConflict != OnConflictWait:
			return open, "", true, &SubmitRefusedError{BuyHasOpenChange, open.ID, open.State}
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
	if fingerprint != n.NaturalFingerprint && fingerprint != former {
		return holder, "", true, &SubmitRefusedError{PONumberInUse, holder.ID, holder.State}
	}
	// This key is the operation's second name from now on, so that a late retry can't buy again,
	// whatever becomes of the natural key.
	record := IdempotencyRecord{OperationID: holder.ID, Fingerprint: n.Fingerprint, ExpiresAt: holder.ExpiresAt}
	return holder, MatchNatural, true, s.Store.Bind(ctx, n.Op.Tenant, n.KeyHash, key, record)
}

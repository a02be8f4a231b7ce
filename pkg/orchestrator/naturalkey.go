package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// SubmitRefusedError says that another operation stands in a submission's way: nothing was stored.
type SubmitRefusedError struct {
	Code SubmitRefusal
	// OperationID and State are the other operation's.
	OperationID string
	State       operation.State
}

// SubmitRefusal is the code of a SubmitRefusedError.
type SubmitRefusal string

// Why a submission is refused.
const (
	PONumberInUse    SubmitRefusal = "po_number_in_use"    // another purchase has this purchase order
	BuyHasOpenChange SubmitRefusal = "buy_has_open_change" // another change of this media buy is open
	// OperationExpired: the operation of this idempotency key, or the completed purchase of this
	// purchase order, has expired; its keys have not yet.
	OperationExpired SubmitRefusal = "operation_expired"
)

// Error returns the code.
func (e *SubmitRefusedError) Error() string { return string(e.Code) }

// naturalKey is the hash of what makes two operations compete, whatever their idempotency keys: two
// purchases by agent, account and purchase order, two changes by agent, account and media buy. It
// is empty if nothing does.
func (r SubmitRequest) naturalKey() (string, error) {
	name := ""
	switch {
	case r.Type == adcp.CreateMediaBuy && r.DedupeBy != DedupeByNone:
		name = r.PONumber()
	case r.Type == adcp.UpdateMediaBuy:
		_ = json.Unmarshal(r.fields["media_buy_id"], &name)
	}
	if name == "" {
		return "", nil
	}
	account, err := digest.JSON(r.fields["account"])
	if err != nil {
		return "", err
	}
	// Neither a type nor an agent's id holds a NUL, and the name is last: no two keys read the same.
	return digest.Hex(string(r.Type) + "\x00" + r.AgentID + "\x00" + account + "\x00" + name), nil
}

// naturalFingerprint is SHA-256 of the JCS of what the client wants: the request without the
// members that differ from attempt to attempt (contract C9).
func (r SubmitRequest) naturalFingerprint() (string, error) {
	wanted := maps.Clone(r.fields)
	delete(wanted, "context")
	delete(wanted, "governance_context")
	raw, err := json.Marshal(wanted)
	if err != nil {
		return "", err
	}
	return digest.JSON(raw)
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
	if r.Type == adcp.UpdateMediaBuy {
		open, found, err := firstOpen(ctx, s.Store, holder)
		switch {
		case err != nil:
			return open, "", err
		case found && r.OnConflict != OnConflictWait:
			return open, "", &SubmitRefusedError{BuyHasOpenChange, open.ID, open.State}
		case found:
			n.Op.WaitsFor = holder.ID
			n.Event.Detail = "waits for the end of " + holder.ID
		}
	} else if holder.HoldsNaturalKey() {
		if taken.Fingerprint != n.NaturalFingerprint {
			return holder, "", &SubmitRefusedError{PONumberInUse, holder.ID, holder.State}
		}
		// This key is the operation's second name from now on, so that a late retry can't buy again,
		// whatever becomes of the natural key.
		record := IdempotencyRecord{OperationID: holder.ID, Fingerprint: n.Fingerprint, ExpiresAt: holder.ExpiresAt}
		return holder, MatchNatural, s.Store.Bind(ctx, n.Op.Tenant, n.KeyHash, n.Op.NaturalKey, record)
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

package orchestrator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// CancelStore is what canceling buys needs of the store.
type CancelStore interface {
	SubmitStore
	committer
	requests
}

// CancelBuys makes the operations that cancel buys whose purchase was completed though it was to be
// canceled (contract K3, K7).
type CancelBuys struct {
	Store    CancelStore
	Workflow Starter
	// Queue takes the starts that Step Functions throttles; nil leaves them to the reconciler.
	Queue *StartQueue
	Deps  Deps
}

// Run makes the operation that cancels the buy of an operation, and starts it. It does nothing if
// none is to be made. First it stores that it will, then it makes it under an id that follows from
// the operation's, then it stores that it has: whoever dies in between, and however many do it at
// once, there is one. It returns the operation as stored.
func (c CancelBuys) Run(ctx context.Context, op operation.Operation) (operation.Operation, error) {
	id := cancelID(op)
	op, err := updateFrom(ctx, c.Store, op, func(op operation.Operation) (*operation.Change, error) {
		if !op.BeginCancelBuy(c.Deps.Now().UTC(), id) {
			return nil, nil
		}
		return &operation.Change{Op: op}, nil
	})
	if err != nil || !op.CancelDue() { // withdrawn, or made
		return op, err
	}
	made, err := c.make(ctx, op)
	if err != nil {
		return op, err
	}
	op, err = updateFrom(ctx, c.Store, op, func(op operation.Operation) (*operation.Change, error) {
		e, ok := op.FinishCancelBuy(c.Deps.Now().UTC())
		if !ok {
			return nil, nil
		}
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	if err == nil && made.State == operation.Requested {
		if err := c.Queue.start(ctx, c.Workflow, made); err != nil {
			opLog(made).WarnContext(ctx, "execution not started, left to the reconciler", "error", err)
		}
	}
	return op, err
}

// cancelID is the id of the operation that cancels an operation's buy.
func cancelID(op operation.Operation) string {
	sum := sha256.Sum256([]byte("cancel\x00" + op.Tenant + "\x00" + op.ID))
	return operationID(sum[:16])
}

// make stores the operation that cancels the buy, or finds it.
func (c CancelBuys) make(ctx context.Context, op operation.Operation) (operation.Operation, error) {
	r, err := c.request(ctx, op)
	if err != nil {
		return operation.Operation{}, err
	}
	s := Submit{Store: c.Store, Deps: c.Deps, BaseURL: op.Webhook.BaseURL}
	// No client's key has a NUL.
	keyHash := digest.Hex("cancel\x00" + op.ID)
	fingerprint, err := r.fingerprint()
	if err != nil {
		return operation.Operation{}, err
	}
	for {
		made, _, err := s.find(ctx, op.Tenant, keyHash, fingerprint)
		if errors.Is(err, store.ErrNotFound) {
			made, err = c.open(ctx, s, op, r, keyHash, fingerprint)
		}
		if (errors.Is(err, store.ErrKeyTaken) || errors.Is(err, store.ErrStale)) && ctx.Err() == nil {
			continue // another one was faster
		}
		return made, err
	}
}

// open stores the operation. It calls the agent as the purchase did, whatever the agent's entry
// says by now (contract L21): at another address the same id would be another buy. If another
// change of the buy is open it waits for that, and it never becomes too old to be sent.
func (c CancelBuys) open(ctx context.Context, s Submit, op operation.Operation, r SubmitRequest, keyHash,
	fingerprint string) (operation.Operation, error) {
	agent := agentOf(op)
	agent.WebhookFormat, agent.BrandURL = op.Webhook.Format, op.Target.BrandURL
	n, err := s.prepareAs(op.Tenant, op.Cancellation.OperationID, r, agent)
	if err != nil {
		return operation.Operation{}, err
	}
	n.Op.Cancels, n.Op.NotAfter = op.ID, time.Time{}
	n.KeyHash, n.Fingerprint = keyHash, fingerprint
	n.Event.Reason = op.Cancellation.Reason
	made, _, settled, err := s.competeWithFormer(ctx, &n, r)
	if settled || err != nil {
		return made, err
	}
	made, _, err = s.store(ctx, n, r)
	return made, err
}

// request is the change of the buy that cancels it, in the purchase's account.
func (c CancelBuys) request(ctx context.Context, op operation.Operation) (SubmitRequest, error) {
	frozen, err := c.Store.Request(ctx, op.Tenant, op.ID)
	if err != nil {
		return SubmitRequest{}, err
	}
	account, err := accountOf(frozen)
	if err != nil {
		return SubmitRequest{}, err
	}
	if len(account) == 0 {
		account = json.RawMessage(`{}`)
	}
	id, err := json.Marshal(op.BuyID())
	if err != nil {
		return SubmitRequest{}, err
	}
	reason, err := json.Marshal(op.Cancellation.Reason)
	if err != nil {
		return SubmitRequest{}, err
	}
	r := SubmitRequest{AgentID: op.AgentID, Type: adcp.UpdateMediaBuy, OnConflict: OnConflictWait,
		Actor: op.Cancellation.Actor}
	r.fields = map[string]json.RawMessage{"account": account, "media_buy_id": id, "canceled": json.RawMessage("true"),
		"cancellation_reason": reason}
	r.Request, err = json.Marshal(r.fields)
	return r, err
}

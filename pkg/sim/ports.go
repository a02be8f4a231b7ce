package sim

import (
	"context"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/storetest"
)

// crashStore is a store whose writes can fail, and can be the last effect of a process.
type crashStore struct {
	storetest.Store
	crash *Crash
	watch func(operation.Operation)
}

func (s crashStore) Create(ctx context.Context, x orchestrator.NewOperation) error {
	return s.crash.effect("Create", func() error { return s.Store.Create(ctx, x) })
}

func (s crashStore) Bind(ctx context.Context, tenant, key, natural string, x orchestrator.IdempotencyRecord) error {
	return s.crash.effect("Bind", func() error { return s.Store.Bind(ctx, tenant, key, natural, x) })
}

func (s crashStore) Commit(ctx context.Context, x operation.Change) error {
	return s.crash.effect("Commit to "+string(x.Op.State), func() error {
		err := s.Store.Commit(ctx, x)
		if err == nil && s.watch != nil {
			s.watch(x.Op)
		}
		return err
	})
}

func (s crashStore) SetExpiry(ctx context.Context, op operation.Operation) error {
	return s.crash.effect("SetExpiry", func() error { return s.Store.SetExpiry(ctx, op) })
}

func (s crashStore) ReservePositions(
	ctx context.Context, tenant string, n int, now time.Time,
) (first int64, err error) {
	err = s.crash.effect("ReservePositions", func() (err error) {
		first, err = s.Store.ReservePositions(ctx, tenant, n, now)
		return err
	})
	return first, err
}

func (s crashStore) AcknowledgeNotice(
	ctx context.Context, r notice.Ref, row notice.Row, position int64, now time.Time,
) error {
	return s.crash.effect("AcknowledgeNotice", func() error {
		return s.Store.AcknowledgeNotice(ctx, r, row, position, now)
	})
}

func (s crashStore) CountRest(ctx context.Context, r notice.Ref) error {
	return s.crash.effect("CountRest", func() error { return s.Store.CountRest(ctx, r) })
}

func (s crashStore) PutProfile(ctx context.Context, tenant, agent string, p registry.Profile) error {
	return s.crash.effect("PutProfile", func() error { return s.Store.PutProfile(ctx, tenant, agent, p) })
}

func (s crashStore) ClaimNonce(ctx context.Context, n inbox.Nonce, until time.Time, limit int) error {
	return s.crash.effect("ClaimNonce", func() error { return s.Store.ClaimNonce(ctx, n, until, limit) })
}

func (s crashStore) Quarantine(ctx context.Context, q inbox.Quarantined) error {
	return s.crash.effect("Quarantine", func() error { return s.Store.Quarantine(ctx, q) })
}

func (s crashStore) Due(ctx context.Context, now time.Time, limit int) (operation.DueList, error) {
	f := s.crash.fault("Due")
	switch f {
	case FailsBefore:
		return operation.DueList{}, errThrottled
	case DiesBefore, DiesAfter:
		panic(killed{})
	}
	list, err := s.Store.Due(ctx, now, limit)
	if f != NoFault { // an index may show an item twice while the item moves
		list.Refs = append(list.Refs, list.Refs...)
	}
	return list, err
}

func (s crashStore) MoveDue(ctx context.Context, op operation.Operation, at time.Time) error {
	return s.crash.effect("MoveDue", func() error { return s.Store.MoveDue(ctx, op, at) })
}

func (s crashStore) PutOff(ctx context.Context, r operation.Ref, now time.Time) error {
	return s.crash.effect("PutOff", func() error { return s.Store.PutOff(ctx, r, now) })
}

// crashCaller calls an agent for a process that can die before it uses the answer.
type crashCaller struct {
	registry.Caller
	crash *Crash
}

func (c crashCaller) Call(
	ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage,
) (r adcp.Response, err error) {
	err = c.crash.effect("Call "+tool, func() (err error) {
		r, err = c.Caller.Call(ctx, a, tool, arguments)
		return err
	})
	return r, err
}

// bus is the event bus of a world. It keeps what was published in the order of the first time.
type bus struct{ w *World }

func (b bus) Publish(_ context.Context, notices []notice.Notice) []error {
	results := make([]error, len(notices))
	for n, told := range notices {
		results[n] = b.w.crash.effect("Publish", func() error {
			if b.w.Published[told.ID]++; b.w.Published[told.ID] == 1 {
				b.w.Told[told.Facts.OperationID] = append(b.w.Told[told.Facts.OperationID], told)
			}
			return nil
		})
		if results[n] != nil { // nothing of the operation comes after it
			for later := n + 1; later < len(notices); later++ {
				results[later] = results[n]
			}
			break
		}
	}
	return results
}

// workflow starts and wakes a world's executions.
type workflow struct{ w *World }

func (f workflow) Start(ctx context.Context, tenant, id string, generation int) error {
	_, err := f.Ensure(ctx, tenant, id, generation)
	return err
}

func (f workflow) Ensure(
	_ context.Context, tenant, id string, generation int,
) (found orchestrator.Execution, err error) {
	err = f.w.crash.effect("StartExecution", func() (err error) {
		found, err = f.w.startExecution(tenant, id, generation)
		return err
	})
	return found, err
}

func (f workflow) Wake(_ context.Context, token string, wakeup orchestrator.Wakeup) error {
	return f.w.crash.effect("SendTaskSuccess", func() error {
		for _, e := range f.w.executions {
			_ = e.Wake(token, wakeup) // all others refuse the token
		}
		return nil
	})
}

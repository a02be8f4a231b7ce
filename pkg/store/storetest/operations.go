package storetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

func readsWhatWasCreated(t *testing.T, s *suite) {
	c := s.newOperation("op_1", "k1", "po")
	must(t, s.Create(t.Context(), c))
	got, err := s.Get(t.Context(), s.tenant, "op_1")
	must(t, err)
	if got.State != operation.Requested || got.Version != 1 || !got.Deadline.Equal(c.Op.Deadline) ||
		got.Type != adcp.CreateMediaBuy {
		t.Errorf("got %+v", got)
	}
	request, err := s.Request(t.Context(), s.tenant, "op_1")
	must(t, err)
	if string(request) != `{"id":"op_1"}` {
		t.Errorf("request came back as %s", request)
	}
	record, err := s.Load(t.Context(), s.tenant, "op_1")
	must(t, err)
	if len(record.Events) != 1 || record.Events[0].Kind != operation.EventCreated ||
		string(record.Request) != string(request) || record.Result != nil {
		t.Errorf("got %+v", record)
	}
	bound, err := s.IdempotencyRecord(t.Context(), s.tenant, "k1")
	must(t, err)
	if bound != (orchestrator.IdempotencyRecord{OperationID: "op_1", Fingerprint: "f-k1"}) {
		t.Errorf("got %+v", bound)
	}
}

func unknownIsNotFound(t *testing.T, s *suite) {
	ctx := t.Context()
	_, err := s.Get(ctx, s.tenant, "op_x")
	want(t, err, store.ErrNotFound)
	_, err = s.Load(ctx, s.tenant, "op_x")
	want(t, err, store.ErrNotFound)
	_, err = s.Request(ctx, s.tenant, "op_x")
	want(t, err, store.ErrNotFound)
	_, err = s.IdempotencyRecord(ctx, s.tenant, "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Agent(ctx, s.tenant, "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Profile(ctx, s.tenant, "x", registry.Endpoint{})
	want(t, err, store.ErrNotFound)
	_, err = s.Key(ctx, s.tenant, "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Keyring(ctx, s.tenant, "x")
	want(t, err, store.ErrNotFound)
}

func tenantsAreSeparate(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	_, err := s.Get(t.Context(), s.tenant+"x", op.ID)
	want(t, err, store.ErrNotFound)
	other := s.newOperation("op_1", "key-op_1", "")
	other.Op.Tenant = s.tenant + "x"
	must(t, s.Create(t.Context(), other))
	must(t, s.Commit(t.Context(), next(other.Op)))
	got, err := s.Get(t.Context(), s.tenant, op.ID)
	must(t, err)
	if got.State != operation.Requested {
		t.Errorf("another tenant's change set the state %s", got.State)
	}
}

func largeBodiesSurvive(t *testing.T, s *suite) {
	c := s.newOperation("op_1", "k", "")
	c.Request = largeText(900 << 10)
	must(t, s.Create(t.Context(), c))
	change := next(c.Op)
	change.Result = c.Request
	must(t, s.Commit(t.Context(), change))
	record, err := s.Load(t.Context(), s.tenant, "op_1")
	must(t, err)
	request, err := s.Request(t.Context(), s.tenant, "op_1")
	must(t, err)
	body := string(c.Request)
	if string(record.Result) != body || string(record.Request) != body || string(request) != body {
		t.Error("a large body came back changed")
	}
}

func inputsAreStoredByGeneration(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	for generation := 1; generation <= 12; generation++ { // generation 1 must not match 10, 11 and 12
		c := next(op)
		c.Op.InputRequest = operation.InputRequest{
			Generation: generation,
			Input:      operation.Input{State: operation.InputAccepted, Fingerprint: "f"},
		}
		c.Input = json.RawMessage(fmt.Sprintf(`{"n":%d}`, generation))
		must(t, s.Commit(t.Context(), c))
		late := c
		late.Input = json.RawMessage(`{"n":"late"}`)
		want(t, s.Commit(t.Context(), late), store.ErrStale)
		op = c.Op
	}
	for generation := 1; generation <= 12; generation++ {
		got, err := s.InputArguments(t.Context(), s.tenant, op.ID, generation)
		must(t, err)
		if string(got) != fmt.Sprintf(`{"n":%d}`, generation) {
			t.Errorf("input %d came back as %s", generation, got)
		}
	}
	_, err := s.InputArguments(t.Context(), s.tenant, op.ID, 13)
	want(t, err, store.ErrNotFound)
	_, err = s.InputArguments(t.Context(), s.tenant+"x", op.ID, 1)
	want(t, err, store.ErrNotFound)
	record, err := s.Load(t.Context(), s.tenant, op.ID)
	must(t, err)
	if string(record.Request) != `{"id":"op_1"}` || record.Op.InputRequest.Generation != 12 {
		t.Errorf("the record came back as %+v", record)
	}
}

func dueIsSparse(t *testing.T, s *suite) {
	a, b := s.create(t, "op_a"), s.create(t, "op_b")
	b.Version, b.DueAt = 2, time.Time{}
	must(t, s.Commit(t.Context(), operation.Change{Op: b}))
	for at, due := range map[time.Time]bool{a.DueAt.Add(-time.Second): false, a.DueAt.Add(time.Second): true} {
		refs, err := s.Due(t.Context(), at, everything)
		must(t, err)
		found := map[operation.Ref]bool{}
		for _, r := range refs.Refs {
			found[r] = true
		}
		if found[operation.Ref{Tenant: s.tenant, OperationID: a.ID}] != due {
			t.Errorf("at %v: due is %v", at, !due)
		}
		if found[operation.Ref{Tenant: s.tenant, OperationID: b.ID}] {
			t.Error("an operation that is not due was returned")
		}
	}
}

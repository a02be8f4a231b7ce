// Package storetest is the conformance suite that every store passes: what orchestrator.Store promises, and what happens when many write at once.
package storetest

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Start is the time that the suite begins at. Stores are opened with a clock that stands there, unless a test moves it.
var Start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TenantPrefix begins the name of every tenant that the suite writes for.
const TenantPrefix = "suite-"

// Open makes a store whose clock is now. Stores may share a table: the suite keeps its tests apart by tenant.
type Open func(t *testing.T, now func() time.Time) Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *suite){
		"ReadsWhatWasCreated":             readsWhatWasCreated,
		"UnknownIsNotFound":               unknownIsNotFound,
		"TenantsAreApart":                 tenantsAreApart,
		"OneKeyOneOperation":              oneKeyOneOperation,
		"NaturalKeyFindsItsHolder":        naturalKeyFindsItsHolder,
		"NaturalKeyIsTakenOver":           naturalKeyIsTakenOver,
		"BindChecksTheHolder":             bindChecksTheHolder,
		"CommitIsConditionalOnTheVersion": commitIsConditional,
		"CommitIsAllOrNothing":            commitIsAllOrNothing,
		"OneWriterPerVersion":             oneWriterPerVersion,
		"HistoriesAreLinearizable":        historiesAreLinearizable,
		"TaskBelongsToOneOperation":       taskBelongsToOne,
		"DeliveryIsTakenOnce":             deliveryIsTakenOnce,
		"DeliveryExpires":                 deliveryExpires,
		"ResumesAreKeptByGeneration":      resumesAreKept,
		"LargeBodiesSurvive":              largeBodiesSurvive,
		"DueIsSparse":                     dueIsSparse,
		"AgentsAreVersioned":              agentsAreVersioned,
		"KeysAndProfiles":                 keysAndProfiles,
		"ArrivalKnowsEverything":          arrivalKnowsEverything,
		"NonceIsClaimedOnce":              nonceIsClaimedOnce,
		"NonceBelongsToKeyAndSender":      nonceBelongsToKeyAndSender,
		"NonceExpires":                    nonceExpires,
		"NoncesHaveLimitedRoom":           noncesHaveLimitedRoom,
		"NoncesNeedNoRoomTwice":           noncesNeedNoRoomTwice,
		"KeyringsAreVersioned":            keyringsAreVersioned,
		"CircuitsAreVersioned":            circuitsAreVersioned,
		"QuarantineCountsTheSame":         quarantineCountsTheSame,
		"QuarantineRaces":                 quarantineRaces,
		"QuarantineIsFull":                quarantineIsFull,
		"QuarantineIsPaged":               quarantineIsPaged,
		"QuarantineExpires":               quarantineExpires,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &suite{tenant: fmt.Sprintf("%s%x", TenantPrefix, tenants.Add(1))}
			s.at.Store(Start.UnixNano())
			s.Store = open(t, func() time.Time { return time.Unix(0, s.at.Load()).UTC() })
			test(t, s)
		})
	}
}

var tenants atomic.Int64

type suite struct {
	Store
	tenant string
	at     atomic.Int64
}

func (s *suite) creation(id, key, natural string) orchestrator.NewOperation {
	op := operation.Operation{Tenant: s.tenant, ID: id, Type: adcp.CreateMediaBuy, AgentID: "seller", State: operation.Requested, Version: 1, Generation: 1,
		Webhook: operation.WebhookConfig{Mode: operation.WebhookNone}, Deadline: Start.Add(time.Hour), FollowUntil: Start.Add(2 * time.Hour),
		DueAt: Start.Add(time.Minute), CreatedAt: Start, UpdatedAt: Start}
	return orchestrator.NewOperation{Op: op, Event: operation.Event{Seq: 1, At: Start, Kind: operation.EventCreated, Channel: operation.ByAPI},
		Request: json.RawMessage(`{"id":"` + id + `"}`), KeyHash: key, Fingerprint: "f-" + key, NaturalHash: natural}
}

func (s *suite) create(t *testing.T, id string) operation.Operation {
	t.Helper()
	c := s.creation(id, "key-"+id, "")
	must(t, s.Create(t.Context(), c))
	return c.Op
}

// next is a change that makes op working.
func next(op operation.Operation) operation.Change {
	from := op.State
	op.Version++
	op.State = operation.Working
	return operation.Change{Op: op, Events: []operation.Event{{Seq: op.Version, At: Start, Kind: operation.EventChanged, From: from, To: op.State}}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

// race runs f n times at once and returns how often it succeeded; every other outcome has to be one of the allowed errors.
func race(t *testing.T, n int, f func(i int) error, allowed func(error) bool) int {
	t.Helper()
	var wg sync.WaitGroup
	var won atomic.Int64
	for i := range n {
		wg.Go(func() {
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case !allowed(err):
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	return int(won.Load())
}

func readsWhatWasCreated(t *testing.T, s *suite) {
	c := s.creation("op_1", "k1", "po")
	must(t, s.Create(t.Context(), c))
	got, err := s.Get(t.Context(), s.tenant, "op_1")
	must(t, err)
	if got.State != operation.Requested || got.Version != 1 || !got.Deadline.Equal(c.Op.Deadline) || got.Type != adcp.CreateMediaBuy {
		t.Errorf("got %+v", got)
	}
	request, err := s.Request(t.Context(), s.tenant, "op_1")
	must(t, err)
	if string(request) != `{"id":"op_1"}` {
		t.Errorf("request came back as %s", request)
	}
	record, err := s.Load(t.Context(), s.tenant, "op_1")
	must(t, err)
	if len(record.Events) != 1 || record.Events[0].Kind != operation.EventCreated || string(record.Request) != string(request) || record.Result != nil {
		t.Errorf("got %+v", record)
	}
	sub, err := s.IdempotencyRecord(t.Context(), s.tenant, "k1")
	must(t, err)
	if sub != (orchestrator.IdempotencyRecord{OperationID: "op_1", Fingerprint: "f-k1"}) {
		t.Errorf("got %+v", sub)
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
	_, err = s.Profile(ctx, s.tenant, "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Key(ctx, s.tenant, "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Keyring(ctx, s.tenant, "x")
	want(t, err, store.ErrNotFound)
}

func tenantsAreApart(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	_, err := s.Get(t.Context(), s.tenant+"x", op.ID)
	want(t, err, store.ErrNotFound)
	other := s.creation("op_1", "key-op_1", "")
	other.Op.Tenant = s.tenant + "x"
	must(t, s.Create(t.Context(), other))
	must(t, s.Commit(t.Context(), next(other.Op)))
	mine, err := s.Get(t.Context(), s.tenant, op.ID)
	must(t, err)
	if mine.State != operation.Requested {
		t.Errorf("another tenant's change reached %s", mine.State)
	}
}

func largeBodiesSurvive(t *testing.T, s *suite) {
	// Hard to compress, so that it takes more than one item of a store with small items.
	b := make([]byte, 900<<10)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[x>>26]
	}
	c := s.creation("op_1", "k", "")
	c.Request = json.RawMessage(`"` + string(b) + `"`)
	must(t, s.Create(t.Context(), c))
	change := next(c.Op)
	change.Result = c.Request
	must(t, s.Commit(t.Context(), change))
	record, err := s.Load(t.Context(), s.tenant, "op_1")
	must(t, err)
	request, err := s.Request(t.Context(), s.tenant, "op_1")
	must(t, err)
	if string(record.Result) != string(c.Request) || string(record.Request) != string(c.Request) || string(request) != string(c.Request) {
		t.Error("a large body came back changed")
	}
}

func resumesAreKept(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	for generation := 1; generation <= 12; generation++ { // the second has two digits: 1 is no start of 12
		c := next(op)
		c.Op.InputRequest = operation.InputRequest{Generation: generation, Input: operation.Input{State: operation.InputAccepted, Fingerprint: "f"}}
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
			t.Errorf("resume %d came back as %s", generation, got)
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
		refs, err := s.Due(t.Context(), at, 10000)
		must(t, err)
		found := map[operation.Ref]bool{}
		for _, r := range refs {
			found[r] = true
		}
		if found[operation.Ref{Tenant: s.tenant, OperationID: a.ID}] != due {
			t.Errorf("at %v: due is %v", at, !due)
		}
		if found[operation.Ref{Tenant: s.tenant, OperationID: b.ID}] {
			t.Error("an operation that is not due was found")
		}
	}
}

var background = context.Background()

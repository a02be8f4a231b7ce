package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

// slowAPI lets something happen between a process's reads and its next transaction.
type slowAPI struct {
	dynamo.API
	meanwhile func()
}

func (s *slowAPI) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput,
	o ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	if do := s.meanwhile; do != nil {
		s.meanwhile = nil
		do()
	}
	return s.API.TransactWriteItems(ctx, in, o...)
}

// A process that has read a rest, and is overtaken by another one that counts it, or by more that
// the operation uses, or by the notice that counts it as well, counts nothing: what is left waits.
func TestAnOvertakenCountingCountsNothing(t *testing.T) {
	t.Parallel()
	client, table := emulated(t)
	now := func() time.Time { return storetest.Start }
	for name, meanwhile := range map[string]func(*dynamo.Store, restTest) error{
		"counted by another": func(s *dynamo.Store, r restTest) error { return s.CountRest(r.t.Context(), r.ref) },
		"more is used":       func(s *dynamo.Store, r restTest) error { return s.Commit(r.t.Context(), r.next(3)) },
		"more is counted": func(s *dynamo.Store, r restTest) error {
			return errors.Join(s.Commit(r.t.Context(), r.next(3)), s.CountRest(r.t.Context(), r.ref))
		},
		"the end is told": func(s *dynamo.Store, r restTest) error { return r.tell(s) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := fmt.Sprint(storetest.TenantPrefix, "rest-", restTenants.Add(1))
			api := &slowAPI{API: client}
			facts := 0
			count := func(all []metrics.Fact) { facts += len(all) }
			s := dynamo.New(client, table, now).WithCounted(count)
			slow := dynamo.New(api, table, now).WithCounted(count)
			r := newRestTest(t, tenant)
			r.must(s.Create(r.t.Context(), r.created), s.Commit(r.t.Context(), r.end()), s.Commit(r.t.Context(), r.next(2)))
			api.meanwhile = func() { r.must(meanwhile(s, r)) }
			if err := slow.CountRest(r.t.Context(), r.ref); !errors.Is(err, store.ErrStale) {
				t.Errorf("got %v", err)
			}
			if api.meanwhile != nil {
				t.Fatal("nothing was written")
			}
			r.must(s.CountRest(r.t.Context(), r.ref))
			if name != "the end is told" {
				r.must(r.tell(s))
			}
			sums, err := s.Sums(t.Context(), tenant, metrics.All, now(), now().Add(time.Hour))
			r.must(err)
			want, n := r.op.Tally.Answers, sums[0].Add
			if n[metrics.Answers] != want || n[metrics.Created] != 1 || n[metrics.Completed] != 1 || facts == 0 {
				t.Errorf("counted %+v, want %d answers", sums, want)
			}
		})
	}
}

// An operation that gets its expiry while a process counts, or loses it: what was counted follows.
func TestAnExpiryThatChangesMeanwhileStays(t *testing.T) {
	t.Parallel()
	client, table := emulated(t)
	now, later := func() time.Time { return storetest.Start }, storetest.Start.Add(200*24*time.Hour)
	for _, expiries := range [][2]time.Time{{{}, later}, {later, {}}} {
		tenant := fmt.Sprint(storetest.TenantPrefix, "rest-", restTenants.Add(1))
		api := &slowAPI{API: client}
		s, slow, r := dynamo.New(client, table, now), dynamo.New(api, table, now), newRestTest(t, tenant)
		expire := func(at time.Time) {
			r.op.Version++
			r.op.ExpiresAt = at
			r.must(s.Commit(t.Context(), operation.Change{Op: *r.op}), s.SetExpiry(t.Context(), *r.op))
		}
		r.must(s.Create(t.Context(), r.created), s.Commit(t.Context(), r.end()), r.tell(s))
		expire(expiries[0])
		r.must(s.Commit(t.Context(), r.next(2)))
		api.meanwhile = func() { expire(expiries[1]) }
		r.must(slow.CountRest(t.Context(), r.ref))
		ttls, err := rawTable{s, client, table}.TTLs(t.Context(), tenant, "op_a")
		r.must(err)
		for _, sk := range []string{layout.SKCounted, layout.SKRest} {
			if ttls[sk] != layout.TTL(expiries[1]) {
				t.Errorf("%s expires at %d, the operation at %d", sk, ttls[sk], layout.TTL(expiries[1]))
			}
		}
	}
}

var restTenants atomic.Int64

// restTest is an operation that uses more after its end.
type restTest struct {
	t       *testing.T
	ref     notice.Ref
	created orchestrator.NewOperation
	op      *operation.Operation
}

func newRestTest(t *testing.T, tenant string) restTest {
	t.Helper()
	op := operation.Operation{Tenant: tenant, ID: "op_a", Type: adcp.CreateMediaBuy, AgentID: "seller",
		State: operation.Requested, Version: 1, Deadline: storetest.Start.Add(time.Hour), CreatedAt: storetest.Start,
		UpdatedAt: storetest.Start}
	return restTest{t, notice.Ref{Tenant: tenant, OperationID: "op_a"},
		orchestrator.NewOperation{Op: op, KeyHash: "key", Request: json.RawMessage(`{}`),
			Event: operation.Event{Seq: 1, At: storetest.Start, Kind: operation.EventCreated}}, &op}
}

func (r restTest) must(errs ...error) {
	r.t.Helper()
	if err := errors.Join(errs...); err != nil {
		r.t.Fatal(err)
	}
}

// end is the change that ends the operation, by the first answer.
func (r restTest) end() operation.Change {
	r.op.Version++
	r.op.State, r.op.Tally.Answers = operation.Completed, 1
	r.op.Terminal = &operation.Terminal{Channel: operation.ByWebhook, At: storetest.Start}
	return operation.Change{Op: *r.op, Events: []operation.Event{{Seq: r.op.Version, At: storetest.Start,
		Kind: operation.EventChanged, Channel: operation.ByWebhook, From: operation.Requested, To: operation.Completed}}}
}

// next is a change after the end by which the operation has had so many answers.
func (r restTest) next(answers int64) operation.Change {
	r.op.Version++
	r.op.Tally.Answers = answers
	return operation.Change{Op: *r.op, Used: true}
}

// tell acknowledges what consumers are told.
func (r restTest) tell(s *dynamo.Store) error {
	rows, err := s.PendingNotices(r.t.Context(), r.ref)
	for _, row := range rows {
		var p int64
		if p, err = s.ReservePositions(r.t.Context(), r.ref.Tenant, 1, storetest.Start); err == nil {
			err = s.AcknowledgeNotice(r.t.Context(), r.ref, row, p, storetest.Start)
		}
		if err != nil {
			return err
		}
	}
	return err
}

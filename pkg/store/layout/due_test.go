package layout

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
)

// A hundred thousand due operations of one tenant take no more of a round than its share.
func TestAFloodTakesItsTenantsShareOnly(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	shards := make([][]Due, 16)
	for i := range 100_000 {
		shards[i%16] = append(shards[i%16], Due{fmt.Sprint("flood#op#op_", i), Timestamp(at.Add(time.Duration(i)))})
	}
	later := Timestamp(at.Add(time.Hour))
	shards[3] = append(shards[3], Due{"acme#op#op_1", later})
	shards[9] = append(shards[9], Due{"globex#op#op_1", later}, Due{"globex#op#op_2", later})
	list := ShareDue(shards, 200)
	if list.Total != 100_003 || len(list.Refs) != 200 || !list.OldestAt.Equal(at) {
		t.Fatalf("%d of %d, since %v", len(list.Refs), list.Total, list.OldestAt)
	}
	for i, want := range []operation.Ref{
		{Tenant: "flood", OperationID: "op_0"}, {Tenant: "acme", OperationID: "op_1"},
		{Tenant: "globex", OperationID: "op_1"}, {Tenant: "flood", OperationID: "op_1"},
		{Tenant: "globex", OperationID: "op_2"},
	} {
		if list.Refs[i] != want {
			t.Errorf("number %d is %v, want %v", i, list.Refs[i], want)
		}
	}
	if slices.IndexFunc(list.Refs[5:], func(r operation.Ref) bool { return r.Tenant != "flood" }) >= 0 {
		t.Error("the rest is not the flood's")
	}
}

// A tenant's flood of notices takes no more of a sweep than its share, and who has many is named
// once.
func TestAFloodOfNoticesTakesItsTenantsShareOnly(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	shards := make([][]Due, OutboxShards)
	for i := range 10_000 {
		shards[i%8] = append(shards[i%8], Due{fmt.Sprint("flood#op#op_", i/4), Timestamp(at)})
	}
	later := Timestamp(at.Add(time.Hour))
	shards[3] = append(shards[3], Due{"acme#op#op_1", later}, Due{"acme#op#op_1", later}, Due{"acme#notice#n", later})
	refs, list := Outbox(shards, 200)
	if list.Total != 10_003 || len(refs) != 200 || !list.OldestAt.Equal(at) {
		t.Fatalf("%d of %d, since %v", len(refs), list.Total, list.OldestAt)
	}
	seen := map[notice.Ref]bool{}
	for _, r := range refs {
		if seen[r] {
			t.Errorf("%v is named twice", r)
		}
		seen[r] = true
	}
	if refs[1] != (notice.Ref{Tenant: "acme", OperationID: "op_1"}) ||
		refs[3] != (notice.Ref{Tenant: "acme", NoticeID: "n"}) {
		t.Errorf("the first are %v", refs[:4])
	}
}

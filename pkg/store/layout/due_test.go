package layout

import (
	"fmt"
	"slices"
	"testing"
	"time"

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

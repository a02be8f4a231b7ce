package layout

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/circuit"
)

// The sort keys of a gate's partition. Waiter is followed by 0 for a call and 1 for a poll, by
// the operation's creation and by its id, so that the line is in order of age and polls are behind.
const (
	SKGate   = "gate"
	SKWaiter = "waiter#"
)

// LinesDue is the partition of the due index that has the gates whose lines are to be looked at.
const LinesDue = "lines"

// everybody stands in the place of a tenant in keys that all tenants share. No tenant has this
// name.
const everybody = "*"

// GateKey returns the key of an item of a gate.
func GateKey(id circuit.GateID, sk string) Item {
	switch id.Kind {
	case circuit.TenantGate:
		return Key(id.Tenant, "gate", strconv.Itoa(id.Shard), sk)
	case circuit.OriginGate:
		return Key(everybody, "origin", strconv.Itoa(id.Shard)+"#"+id.Name, sk)
	}
	return AgentKey(id.Tenant, id.Name, sk)
}

// GateOf returns the gate that an item of its partition is of.
func GateOf(i Item) (id circuit.GateID, ok bool) {
	tenant, rest, _ := strings.Cut(i.Text("pk"), "#")
	kind, name, ok := strings.Cut(rest, "#")
	switch kind {
	case "gate":
		shard, err := strconv.Atoi(name)
		return circuit.GateID{Kind: circuit.TenantGate, Tenant: tenant, Shard: shard}, ok && err == nil
	case "origin":
		number, origin, ok := strings.Cut(name, "#")
		shard, err := strconv.Atoi(number)
		return circuit.GateID{Kind: circuit.OriginGate, Name: origin, Shard: shard}, ok && err == nil
	case "agent":
		return circuit.GateID{Kind: circuit.AgentGate, Tenant: tenant, Name: name}, ok
	}
	return circuit.GateID{}, false
}

// waiterLife is how long a waiter that nobody takes out is kept: no operation is followed that
// long.
const waiterLife = 100 * 24 * time.Hour

// WaiterItem returns the item of a waiter in a gate's line.
func WaiterItem(id circuit.GateID, w circuit.Waiter, now time.Time) Item {
	return WaiterKey(id, w).With(Item{
		"tenant": w.Tenant, "operation_id": w.OperationID, "ttl": now.Add(waiterLife).Unix(),
		AttrClaimed: int64(0),
	})
}

// AttrClaimed is until when a waiter is claimed, 0 if it is not.
const AttrClaimed = "claimed"

// WaiterKey returns the key of a waiter.
func WaiterKey(id circuit.GateID, w circuit.Waiter) Item {
	class := "0#"
	if w.Poll {
		class = "1#"
	}
	return GateKey(id, SKWaiter+class+Timestamp(w.Created)+"#"+w.OperationID)
}

// ReadWaiter reads a waiter's item.
func ReadWaiter(i Item) circuit.Waiter {
	class, rest, _ := strings.Cut(strings.TrimPrefix(i.Text("sk"), SKWaiter), "#")
	at, _, _ := strings.Cut(rest, "#")
	created, _ := time.Parse(timestampForm, at)
	return circuit.Waiter{Tenant: i.Text("tenant"), OperationID: i.Text("operation_id"), Created: created,
		Poll: class == "1", Claimed: ReadMicros(i.Number(AttrClaimed))}
}

// LeaseText is a lease as a member of a set: it is found again by all that it says. It is short:
// each change of a gate costs what the whole item does.
func LeaseText(l circuit.Lease) string {
	began, until := l.Began.UnixMicro(), l.Until.UnixMicro()
	return strconv.FormatInt(began, 36) + "." + strconv.FormatInt(until-began, 36) + "." + l.ID
}

// ReadLease reads a lease. One that cannot be read is over.
func ReadLease(s string) circuit.Lease {
	began, rest, _ := strings.Cut(s, ".")
	until, id, _ := strings.Cut(rest, ".")
	from, err1 := strconv.ParseInt(began, 36, 64)
	lasts, err2 := strconv.ParseInt(until, 36, 64)
	if err1 != nil || err2 != nil {
		return circuit.Lease{ID: id}
	}
	return circuit.Lease{ID: id, Began: time.UnixMicro(from).UTC(), Until: time.UnixMicro(from + lasts).UTC()}
}

// LeaseTexts are leases as a set has them.
func LeaseTexts(all []circuit.Lease) (texts []string) {
	for _, l := range all {
		texts = append(texts, LeaseText(l))
	}
	return texts
}

// ReadLeases reads a set of leases, the oldest first.
func ReadLeases(texts []string) (all []circuit.Lease) {
	for _, s := range texts {
		all = append(all, ReadLease(s))
	}
	SortLeases(all)
	return all
}

// SortLeases puts the oldest lease first.
func SortLeases(all []circuit.Lease) {
	slices.SortFunc(all, func(a, b circuit.Lease) int {
		return cmp.Or(a.Began.Compare(b.Began), a.Until.Compare(b.Until), strings.Compare(a.ID, b.ID))
	})
}

// Micros is a time as a number that a gate's conditions compare: microseconds, for rates of up to a
// million calls in a second.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// ReadMicros reads such a number; 0 is the zero time.
func ReadMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

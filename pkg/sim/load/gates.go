package load

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// gatePartition is the partition that a gate shares with its line, an agent's with its circuit.
func gatePartition(id circuit.GateID) string { return pkOf(layout.GateKey(id, layout.SKGate)) }

// leaseSize is the size of a lease in a set, with an id of production.
var leaseSize = 1 + len(layout.LeaseText(circuit.Lease{ID: "1z141z3", Began: epoch,
	Until: epoch.Add(330 * time.Second)}))

// gateSize is the size of a gate's item: its key and times, and a text for each lease.
// A load that is divided has fewer leases than the whole one.
func (t *table) gateSize(id circuit.GateID, g circuit.Gate) int {
	by := t.w.o.DivideAgent
	if id.Kind == circuit.TenantGate {
		by = t.w.o.DivideTenant
	}
	if len(g.Leases) == 0 {
		return 250
	}
	return 250 + int(float64(leaseSize)*(1+float64(len(g.Leases)-1)*max(1, by))) // its own, and others
}

// Circuit reads a circuit.
func (t *table) Circuit(ctx context.Context, tenant, id string) (store.Document, error) {
	at := pkOf(layout.AgentKey(tenant, id, ""))
	if err := t.request("GetItem (circuit)", tries, readUnits(small).of(at)); err != nil {
		return store.Document{}, err
	}
	return t.Store.Circuit(ctx, tenant, id)
}

// Paused reads an agent's brake.
func (t *table) Paused(ctx context.Context, tenant, id string) (bool, error) {
	at := pkOf(layout.AgentKey(tenant, id, ""))
	if err := t.request("GetItem (brake)", tries, readUnits(small).of(at)); err != nil {
		return false, err
	}
	return t.Store.Paused(ctx, tenant, id)
}

// PutCircuit stores a circuit.
func (t *table) PutCircuit(ctx context.Context, tenant, id string, d store.Document, told ...notice.Notice) error {
	at := pkOf(layout.AgentKey(tenant, id, ""))
	if err := t.request("UpdateItem (circuit)", crowded, writeUnits(small).of(at)); err != nil {
		return err
	}
	return t.Store.PutCircuit(ctx, tenant, id, d, told...)
}

// StepGate changes a gate. A write whose condition fails costs what one does that holds.
func (t *table) StepGate(ctx context.Context, id circuit.GateID, s circuit.Step) (circuit.Gate, error) {
	at := gatePartition(id)
	if s.Lease.ID == "" && s.Call.Interval == 0 && s.Poll.Interval == 0 { // nothing to change: a read
		if err := t.request("GetItem (gate)", tries, readUnits(t.gates[id]).of(at)); err != nil {
			return circuit.Gate{}, err
		}
	} else if err := t.request("UpdateItem (gate)", crowded, writeUnits(t.gates[id]).of(at)); err != nil {
		return circuit.Gate{}, err
	}
	return t.gate(id)(t.Store.StepGate(ctx, id, s))
}

// LeaveGate ends leases, or only reads the gate.
func (t *table) LeaveGate(ctx context.Context, id circuit.GateID, over []circuit.Lease, answered time.Time) (
	circuit.Gate, error) {
	name, l := "UpdateItem (gate)", writeUnits(t.gates[id])
	if len(over) == 0 && answered.IsZero() {
		name, l = "GetItem (gate)", readUnits(t.gates[id])
	}
	if err := t.request(name, crowded, l.of(gatePartition(id))); err != nil {
		return circuit.Gate{}, err
	}
	return t.gate(id)(t.Store.LeaveGate(ctx, id, over, answered))
}

// gate remembers how large a gate is.
func (t *table) gate(id circuit.GateID) func(circuit.Gate, error) (circuit.Gate, error) {
	return func(g circuit.Gate, err error) (circuit.Gate, error) {
		t.gates[id] = t.gateSize(id, g)
		return g, err
	}
}

// JoinLine puts a waiter into a line, and marks the line.
func (t *table) JoinLine(ctx context.Context, id circuit.GateID, w circuit.Waiter, now time.Time) (
	g circuit.Gate, first bool, err error) {
	at := gatePartition(id)
	for _, l := range []load{writeUnits(small), writeUnits(t.gates[id])} {
		if err := t.request("UpdateItem (line)", crowded, l.of(at)); err != nil {
			return g, false, err
		}
	}
	g, first, err = t.Store.JoinLine(ctx, id, w, now)
	if first {
		t.w.usage.WriteUnits++ // its entry in the index
	}
	return g, first, err
}

// Line reads those who wait.
func (t *table) Line(ctx context.Context, id circuit.GateID, limit int) ([]circuit.Waiter, error) {
	all, err := t.Store.Line(ctx, id, limit)
	if e := t.request("Query (line)", tries, readUnits(small*len(all)).of(gatePartition(id))); e != nil {
		return nil, e
	}
	return all, err
}

// ClaimWaiter claims a waiter.
func (t *table) ClaimWaiter(ctx context.Context, id circuit.GateID, w circuit.Waiter, now, until time.Time) error {
	if err := t.request("UpdateItem (claim)", crowded, writeUnits(small).of(gatePartition(id))); err != nil {
		return err
	}
	return t.Store.ClaimWaiter(ctx, id, w, now, until)
}

// LeaveLine takes a waiter out of a line.
func (t *table) LeaveLine(ctx context.Context, id circuit.GateID, w circuit.Waiter) error {
	if err := t.request("DeleteItem (line)", crowded, writeUnits(small).of(gatePartition(id))); err != nil {
		return err
	}
	return t.Store.LeaveLine(ctx, id, w)
}

// CloseLine marks a line as empty.
func (t *table) CloseLine(ctx context.Context, id circuit.GateID) error {
	if err := t.lookAt(id); err != nil {
		return err
	}
	return t.Store.CloseLine(ctx, id)
}

// LookAtLine puts the next look at a line off.
func (t *table) LookAtLine(ctx context.Context, id circuit.GateID, next time.Time) error {
	if err := t.lookAt(id); err != nil {
		return err
	}
	return t.Store.LookAtLine(ctx, id, next)
}

func (t *table) lookAt(id circuit.GateID) error {
	return t.request("UpdateItem (line)", crowded, writeUnits(t.gates[id]).of(gatePartition(id)),
		writeUnits(2*small).of(layout.LinesDue))
}

// LinesDue reads the lines that are to be looked at.
func (t *table) LinesDue(ctx context.Context, now time.Time, limit int) ([]circuit.GateID, error) {
	if err := t.request("Query (index)", tries, readUnits(small).of(layout.LinesDue)); err != nil {
		return nil, err
	}
	return t.Store.LinesDue(ctx, now, limit)
}

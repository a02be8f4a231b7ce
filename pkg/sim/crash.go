package sim

import "errors"

// Crash kills a process at one of its effects: just before the nth effect of the whole run, or
// just after it. With At 0 it kills none.
type Crash struct {
	At     int
	Before bool
	// Faults, if set, returns what goes wrong with an effect. Every effect calls it.
	Faults  func(effect string) Fault
	effects int
	// KilledAt names the effect at which a process was killed last, "" if none was.
	KilledAt string
}

// Fault is what goes wrong with one effect.
type Fault string

// The faults of an effect. A store's write can fail in two ways without an answer of the store: it
// was not made, or it was made and the answer was lost.
const (
	NoFault     Fault = ""
	DiesBefore  Fault = "dies before"
	DiesAfter   Fault = "dies after"
	FailsBefore Fault = "throttled"
	FailsAfter  Fault = "answer lost"
	// MadeTwice is a write that the client makes again because its answer was lost. The second write
	// meets what the first has stored, and fails on it.
	MadeTwice Fault = "made twice"
)

var errThrottled = errors.New("throttled")

// killed is the panic that unwinds a dead process: nothing after the effect runs.
type killed struct{}

// effect does something that others can see, with the faults that the crash has for it.
func (c *Crash) effect(name string, do func() error) error {
	f := c.fault(name)
	if c.effects++; c.effects == c.At {
		if f = DiesAfter; c.Before {
			f = DiesBefore
		}
	}
	if f == DiesBefore {
		c.KilledAt = "before " + name
		panic(killed{})
	}
	err := withFault(f, do)
	if f == DiesAfter {
		c.KilledAt = "after " + name
		panic(killed{})
	}
	return err
}

func (c *Crash) fault(name string) Fault {
	if c.Faults == nil {
		return NoFault
	}
	return c.Faults(name)
}

// withFault does something with a fault that leaves the process alive.
func withFault(f Fault, do func() error) error {
	if f == FailsBefore {
		return errThrottled
	}
	err := do()
	switch f {
	case FailsAfter:
		return errThrottled
	case MadeTwice:
		return do()
	}
	return err
}

// runProcess runs f as one process. dead reports whether it was killed.
func runProcess(f func()) (dead bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			dead = true
		}
	}()
	f()
	return false
}

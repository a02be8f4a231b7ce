package orchestrator

import (
	"adcp-orchestrator/pkg/circuit"
	"time"
)

// closed is what a timeline tells of a call that the gate did not let through.
func describeCircuit(r circuit.Reason) string {
	if r == circuit.BackingOff {
		return "not called: the agent asked for time"
	}
	return "not called: the agent does not answer at present"
}

func seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }

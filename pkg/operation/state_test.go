package operation

import (
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

// The table of contract A19, written out once more by hand: the code's own table is built from
// parts.
func TestTransitionsAreContractA19(t *testing.T) {
	t.Parallel()
	want := map[State]string{
		Requested:     "-C------x-",
		CallingAdCP:   "--SWIAcfxr",
		Submitted:     "---WIAcfxr",
		Working:       "--S-IAcfxr",
		InputRequired: "--SW-Acfxr",
		AuthRequired:  "--SWI-cfxr",
		Completed:     "----------",
		Failed:        "----------",
		Canceled:      "----------",
		Rejected:      "----------",
	}
	for from, row := range want {
		for i, to := range States() {
			if legal := row[i] != '-'; from.CanBecome(to) != legal {
				t.Errorf("%s to %s: legal is %v, want %v", from, to, from.CanBecome(to), legal)
			}
		}
	}
}

// contract A17: every transition of the table in AdCP's orchestrator design guide is legal here.
func TestTransitionsContainTheDesignGuide(t *testing.T) {
	t.Parallel()
	for from, tos := range map[State][]State{
		Requested:     {CallingAdCP},
		CallingAdCP:   {Submitted, Working, InputRequired, Completed, Failed},
		Submitted:     {Working, Completed, Failed, Canceled},
		Working:       {Completed, Failed, InputRequired},
		InputRequired: {Submitted, Working, Completed, Failed},
	} {
		for _, to := range tos {
			if !from.CanBecome(to) {
				t.Errorf("%s to %s is legal in the design guide", from, to)
			}
		}
	}
}

// contract A1, A20, A22.
func TestWireStatusesMapToStates(t *testing.T) {
	t.Parallel()
	for wire, want := range map[adcp.Status]State{
		"submitted":      Submitted,
		"working":        Working,
		"input-required": InputRequired,
		"auth-required":  AuthRequired,
		"completed":      Completed,
		"canceled":       Canceled,
		"failed":         Failed,
		"rejected":       Rejected,
	} {
		if got, ok := FromWire(wire); !ok || got != want {
			t.Errorf("%s: got %q, %v", wire, got, ok)
		}
	}
	for _, no := range []adcp.Status{"unknown", "input_required", "auth_required", "pending", "requested", "calling_adcp",
		"cancelled", //nolint:misspell // the spelling is the fault
		"active", ""} {
		if got, ok := FromWire(no); ok {
			t.Errorf("%q became %q", no, got)
		}
	}
}

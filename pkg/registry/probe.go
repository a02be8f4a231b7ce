package registry

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// probeTimeout bounds a probe while a person waits for it.
const probeTimeout = 20 * time.Second

// Probe is what was found of an agent just now. None of it is stored.
type Probe struct {
	Discovery
	// Reached: the agent answered the discovery.
	Reached bool
	Steps   []ProbeStep
}

// ProbeStep is one thing that a probe did, and how long the agent took.
type ProbeStep struct {
	Name string
	Took time.Duration
	// Error says in our words why the step failed, "" if it did not.
	Error string
}

// The steps of a probe.
const (
	// StepDiscovery is the handshake, the list of the tools and the capabilities.
	StepDiscovery = "discovery"
	// StepCall is one call of the agent as operations make them, of a tool that changes nothing.
	StepCall = "call"
)

// probeTool is the tool that a probe calls: every agent of AdCP 3 has it.
const probeTool = "get_adcp_capabilities"

// Probe asks an agent what it offers and how fast it answers, and says what is unsafe about it. It
// stores nothing, counts at no circuit, and calls an agent that is paused or whose circuit is open:
// a person wants to know whether it is back. It returns store.ErrNotFound.
func (r Register) Probe(ctx context.Context, tenant, id string) (Agent, Probe, error) {
	a, err := r.Store.Agent(ctx, tenant, id)
	if err != nil {
		return a, Probe{}, err
	}
	known, err := Recall(ctx, r.Store, a)
	if err != nil {
		return a, Probe{}, err
	}
	a.Signing = known.Capabilities.Signing()
	asking, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var probe Probe
	step := func(name string, do func() error) (*adcp.CallError, error) {
		began := r.Now()
		err := do()
		s := ProbeStep{Name: name, Took: r.Now().Sub(began)}
		var ce *adcp.CallError
		if errors.As(err, &ce) {
			s.Error, err = DescribeCallError(ce), nil
		}
		probe.Steps = append(probe.Steps, s)
		return ce, err
	}
	authFindings := r.inspect(asking, a)
	profile := known
	failed, err := step(StepDiscovery, func() (err error) {
		profile, err = r.Agents.Discover(asking, a)
		return err
	})
	if err != nil {
		return a, probe, err
	}
	if probe.Reached = failed == nil; !probe.Reached {
		profile = known
	} else {
		profile.found(a, r.Now())
		a.Signing = profile.Capabilities.Signing()
		if _, err := step(StepCall, func() error {
			_, err := r.Agents.Call(asking, a, probeTool, json.RawMessage(`{}`))
			return err
		}); err != nil {
			return a, probe, err
		}
	}
	probe.Profile = profile
	probe.Findings = gravestFirst(r.Checker.Check(a, profile, failed), authFindings(probe.Reached))
	return a, probe, nil
}

package orchestrator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// releaseOf is the release that an operation's agent is addressed in: the agreed one, or as long as
// nothing was sent the one that would be agreed now. Operations that older code has called in the
// release that they were frozen in name none.
func releaseOf(op operation.Operation, p registry.Profile) string {
	if op.Call.FirstAt.IsZero() {
		if release, ok := p.Capabilities.Agree(op.Type, op.Call.ADCPVersion); ok {
			return release
		}
	}
	return cmp.Or(op.Call.ADCPVersion, adcp.Version)
}

// unspoken reports whether an operation was never sent, and its agent has no release that it could
// be sent in.
func unspoken(op operation.Operation, p registry.Profile) bool {
	_, ok := p.Capabilities.Agree(op.Type, op.Call.ADCPVersion)
	return !ok && op.Call.FirstAt.IsZero() && op.PendingInput() == 0
}

// checkSpoken refuses a submission to an agent that is known to speak no release of AdCP that has
// the task (contract B58). What is not known now, the first call finds out.
func (s Submit) checkSpoken(p registry.Profile, t adcp.Task) error {
	if _, known := adcp.TraitsOf(t); !known || !p.Fresh(s.Deps.Now()) {
		return nil
	}
	if _, ok := p.Capabilities.Agree(t, ""); !ok {
		return &SubmitRefusedError{Code: VersionUnsupported, Words: p.Capabilities.Unspoken(t)}
	}
	return nil
}

// endUnspoken ends an operation whose agent speaks no release that the request could be sent in. An
// agent that could not be asked just now may have changed since: it is asked again later.
func (d Dispatch) endUnspoken(ctx context.Context, op operation.Operation, c contact) (operation.Decision, error) {
	words := c.profile.Capabilities.Unspoken(op.Type)
	if !c.profile.Fresh(d.Deps.Now()) {
		return d.skip(ctx, op, c, &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New(words)}, words)
	}
	opLog(op).WarnContext(ctx, "agent not called: it speaks no release that the request could be sent in")
	return d.planner(op, c.profile).advance(ctx, op, func(op *operation.Operation, now time.Time) *operation.Change {
		e, ok := op.EndUnspoken(now, words)
		if !ok {
			return nil
		}
		return recorded(e)
	})
}

// renegotiate makes the next attempt use the best release that an agent names in a
// VERSION_UNSUPPORTED, or that it offered if it names none, and has not refused yet (contract B31):
// each release is tried once. The agent has refused the request for its version, so nothing was
// carried out. Where an earlier attempt may have been, other bytes under its key would prove
// nothing.
func renegotiate(op *operation.Operation, e *adcp.Error, offered []string) bool {
	if e.Code != adcp.VersionUnsupported || op.State != operation.CallingAdCP || op.Call.Unclear {
		return false
	}
	named := e.SupportedVersions()
	if len(named) == 0 {
		named = offered
	}
	refused := append(slices.Clone(op.Call.RefusedVersions), cmp.Or(op.Call.ADCPVersion, adcp.Version))
	left := slices.DeleteFunc(adcp.Shared(named), func(v string) bool { return slices.Contains(refused, v) })
	release, ok := adcp.Capabilities{Versions: left}.Agree(op.Type, "")
	if len(left) == 0 || !ok {
		return false
	}
	op.Call.ADCPVersion, op.Call.RefusedVersions = release, refused
	return true
}

// askIn is the start of a question about an operation: the release that its agent is addressed in,
// as that release wants it. The fresh key that some releases want is set for each question
// (contract C5).
func askIn(release, tool string) map[string]any {
	arguments := map[string]any{}
	if adcp.SendsRelease(tool, release) {
		arguments["adcp_version"] = release
	}
	if adcp.SendsKey(tool, release) {
		arguments["idempotency_key"] = ""
	}
	return arguments
}

// inRelease is a frozen request in the release that was agreed; older code has frozen requests that
// are sent as they are.
func inRelease(op operation.Operation, request json.RawMessage) (json.RawMessage, error) {
	if op.Call.ADCPVersion == "" {
		return request, nil
	}
	return adcp.Shape(string(op.Type), op.Call.ADCPVersion, request)
}

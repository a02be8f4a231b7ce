package orchestrator

import (
	"context"
	"errors"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/adcp/schema"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// checked is a submission that may be stored.
type checked struct {
	agent   registry.Agent
	profile registry.Profile
	// release is the release that the request was checked against. agreed: the agent speaks it, so the
	// operation does.
	release string
	agreed  bool
	// better names what is wrong in the better releases that the agent speaks as well.
	better []betterRelease
}

// betterRelease is a release that a request is not written for.
type betterRelease struct {
	release string
	wrong   validation.FieldError // the first of what is wrong
}

// check checks a submission against what is known about its agent, and its request against the
// schema of a release: the best of those that the agent states in which the request is valid, as
// long as the agent's releases are not known the release that requests are written in (contract
// B29). wrong is what is known to be wrong already, or nil. It returns a *validation.Error that
// names every wrong field, or a *SubmitRefusedError for an agent that is known to speak no release
// that has the task.
func (s Submit) check(ctx context.Context, tenant string, r SubmitRequest, wrong *validation.Error) (checked, error) {
	var c validation.Checks
	c.Include(wrong)
	var k checked
	if r.AgentID != "" && !c.Has("agent_id") {
		var err error
		k.agent, err = s.Store.Agent(ctx, tenant, r.AgentID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			c.Add("agent_id", validation.UnknownAgent, "must be the id of one of your agents",
				"register it with PUT /v1/agents/{id}")
		case err != nil:
			return k, err
		default:
			if k.profile, err = registry.Recall(ctx, s.Store, k.agent); err != nil {
				return k, err
			}
			if err := s.checkSpoken(k.profile, r.Type); err != nil {
				return k, err
			}
		}
	}
	if r.fields == nil || c.Has("type") {
		return k, c.Err()
	}
	if err := k.conform(&c, r); err != nil {
		return k, err
	}
	err := c.Err()
	var invalid *validation.Error
	if errors.As(err, &invalid) {
		invalid.Release = k.release
	}
	return k, err
}

// conform chooses the release, and records what is wrong with the request in it.
func (k *checked) conform(c *validation.Checks, r SubmitRequest) error {
	task := string(r.Type)
	releases, known := releasesFor(k.profile, task)
	var best schema.Result
	for i, release := range releases {
		out, err := r.outgoing(k.agent, release)
		if err != nil {
			return err
		}
		result, err := out.Check(release, task, "request", slices.Concat(orchestratorMembers, []string{"context"})...)
		if err != nil {
			return err
		}
		if len(result.Fields) == 0 {
			k.release, k.agreed = release, known
			return nil
		}
		if i == 0 {
			best = result
		}
		k.better = append(k.better, betterRelease{release, result.Fields[0]})
	}
	if len(releases) == 0 { // no release has the task's schema: the agent decides
		return nil
	}
	k.release = releases[0]
	for _, f := range best.Fields {
		if !c.Has(f.Field) { // what we say of a field of our own needs is said already
			c.Add(f.Field, f.Code, f.Rule, f.Remedy)
		}
	}
	c.AddMore(best.More)
	return nil
}

// releasesFor returns the releases that a request may be written in, the best first. known: they
// are those that the agent states and that have the task.
func releasesFor(p registry.Profile, task string) (releases []string, known bool) {
	have := schema.Releases(task)
	shared := slices.DeleteFunc(adcp.Shared(p.Capabilities.Versions), func(release string) bool {
		return !slices.Contains(have, release)
	})
	switch {
	case len(shared) > 0:
		return shared, true
	case slices.Contains(have, adcp.Version):
		return []string{adcp.Version}, false
	}
	return have[:min(len(have), 1)], false
}

// placeholderKey has the form of the idempotency keys that go out.
const placeholderKey = "00000000-0000-4000-8000-000000000000"

// outgoing is the request as it goes out in a release, with values of the right form for what is
// made later.
func (r SubmitRequest) outgoing(agent registry.Agent, release string) (schema.Request, error) {
	extra := map[string]any{"idempotency_key": placeholderKey, "adcp_version": release,
		"adcp_major_version": adcp.MajorVersion}
	if own, err := withContext(r.fields["context"], placeholderID); err == nil {
		extra["context"] = own
	}
	traits, _ := adcp.TraitsOf(r.Type)
	if traits.Webhook && agent.WebhookMode != operation.WebhookNone {
		config := map[string]any{"url": "https://api.example/v1/webhooks/callback", "operation_id": placeholderID,
			"token": placeholderKey}
		if scheme, ok := schemes[agent.WebhookMode]; ok {
			config["authentication"] = map[string]any{"schemes": []string{scheme},
				"credentials": credentialPlaceholder(placeholderID)}
		}
		extra["push_notification_config"] = config
	}
	frozen, err := r.freeze(extra)
	if err != nil {
		return schema.Request{}, err
	}
	if frozen, err = adcp.Shape(string(r.Type), release, frozen); err != nil {
		return schema.Request{}, err
	}
	return schema.Read(frozen)
}

// placeholderID has the form of an operation's id.
const placeholderID = "op_aaaaaaaaaaaaaaaaaaaaaaaaaa"

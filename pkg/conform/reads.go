package conform

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
)

// scenarios are in an order in which each one can use what those before it have found out.
var scenarios = append(reading, buying...)

// reading are the scenarios that buy nothing.
var reading = []scenario{
	{
		name:      "can be discovered",
		suffering: "no buy can be sent: the agent's tools are not known",
		answer:    "submissions are kept and sent when the agent is back",
		run:       discovered,
	},
	{
		name:      "says its capabilities",
		suffering: "its release, its signatures and its promises are guessed",
		answer:    "the agent counts as one of AdCP 2.x, which promises nothing",
		run:       saysCapabilities,
	},
	{
		name:      "deduplicates by idempotency key",
		suffering: "an answer that is lost may not be asked for again: each one needs a person or a look-up",
		answer:    "a request that may have been carried out is not repeated",
		run:       promisesReplay,
	},
	{
		name:      "can be polled",
		suffering: "if a webhook is lost, nobody learns how the task ended",
		answer:    "the list of buys is read in its place, if there is one; else a person is asked",
		run:       canBePolled,
	},
	{
		name:      "lists its buys",
		suffering: "after a lost answer nobody can see whether the buy exists",
		answer:    "the operation waits for a person, and nothing is sent again",
		run:       listsBuys,
	},
	{
		name:      "signs its webhooks",
		suffering: "anybody who learns a webhook's address can claim an end",
		answer:    "webhooks in a weaker mode are taken as a hint, and only polls are believed, or they are refused",
		run:       signsWebhooks,
	},
	{
		name:      "does not know an unknown task",
		suffering: "a poll of a task that the agent has lost reports an invented status",
		answer:    "an answer that names another task is not applied",
		run:       unknownTask,
	},
	{
		name:      "refuses a bad request as AdCP does",
		suffering: "a mistake in an order looks like a fault, and its outcome is unclear",
		answer:    "the operation stops for a person: what is not refused in AdCP's form may have been carried out",
		run:       refusesBadRequest,
	},
	{
		name:      "ignores what it does not know",
		suffering: "members of a later release, or the buyer's context, make it refuse the whole request",
		answer:    "members that a read can do without are left out, and it is asked once more",
		run:       ignoresUnknown,
	},
}

func discovered(ctx context.Context, r *run) (Verdict, string) {
	p, err := r.Caller.Discover(ctx, r.Agent)
	if err != nil {
		return Suffers, describe(err)
	}
	r.profile = p
	if len(p.Tasks) == 0 {
		return Suffers, "it has no tool of AdCP"
	}
	return Good, fmt.Sprintf("%d tools of AdCP", len(p.Tasks))
}

func saysCapabilities(_ context.Context, r *run) (Verdict, string) {
	c := r.profile.Capabilities
	if len(c.Versions) == 0 && len(c.MajorVersions) == 0 {
		return Suffers, "get_adcp_capabilities names no release"
	}
	if len(c.Versions) == 0 {
		return Good, fmt.Sprint("major releases ", c.MajorVersions)
	}
	return Good, "releases " + adcp.LogText(strings.Join(c.Versions, ", "))
}

func promisesReplay(_ context.Context, r *run) (Verdict, string) {
	offer := r.profile.Capabilities.Idempotency
	if offer.Support != adcp.Supported {
		return Suffers, "it does not say that it replays the answer for a key"
	}
	if offer.ReplayTTL == 0 {
		return Suffers, "it does not say for how long it replays"
	}
	return Good, "for " + offer.ReplayTTL.String()
}

func canBePolled(_ context.Context, r *run) (Verdict, string) {
	if r.profile.PollTool == "" {
		return Suffers, "it has no tool that returns a task's status"
	}
	return Good, r.profile.PollTool
}

// buysTool is the tool that lists an account's media buys.
const buysTool = "get_media_buys"

func (r *run) offers(tool string) bool { return slices.Contains(r.profile.Tasks, tool) }

func listsBuys(ctx context.Context, r *run) (Verdict, string) {
	if !r.offers(buysTool) {
		return Suffers, "it has no " + buysTool
	}
	response, fault := r.call(ctx, buysTool, r.withAccount(map[string]any{}))
	switch {
	case fault != "":
		return Suffers, fault
	case response.Err != nil:
		return Suffers, "it refuses: " + response.Err.Describe()
	}
	return Good, ""
}

func signsWebhooks(_ context.Context, r *run) (Verdict, string) {
	switch w := r.profile.Capabilities.Webhooks; {
	case w.Support == adcp.Supported:
		return Good, ""
	case w.HMACFallback:
		return Suffers, "it signs with a shared secret only"
	}
	return Suffers, "it does not say that it signs"
}

func unknownTask(ctx context.Context, r *run) (Verdict, string) {
	if r.profile.PollTool == "" {
		return Skipped, "it can't be polled"
	}
	response, fault := r.call(ctx, r.profile.PollTool, map[string]any{"task_id": r.NewID()})
	switch {
	case fault != "":
		return Suffers, fault
	case response.Err == nil:
		return Suffers, "it reports a task that does not exist"
	}
	return Good, response.Err.Describe()
}

func refusesBadRequest(ctx context.Context, r *run) (Verdict, string) {
	if !r.offers("create_media_buy") {
		return Skipped, "it has no create_media_buy"
	}
	// Without packages, account and times nothing can be bought.
	response, fault := r.call(ctx, "create_media_buy", map[string]any{"idempotency_key": r.NewID()})
	switch {
	case fault != "":
		return Suffers, fault
	case response.Err == nil:
		return Suffers, "it accepts an order without packages and account"
	case response.Err.ReadableCode() == "":
		return Suffers, "its error has no code"
	}
	return Good, response.Err.Describe()
}

func ignoresUnknown(ctx context.Context, r *run) (Verdict, string) {
	if !r.offers(buysTool) {
		return Skipped, "it has no read to try"
	}
	arguments := r.withAccount(map[string]any{
		"context": map[string]any{"trace": r.NewID()},
		"ext":     map[string]any{"conform": true},
	})
	response, fault := r.call(ctx, buysTool, arguments)
	switch {
	case fault != "":
		return Suffers, fault
	case response.Err != nil:
		return Suffers, "it refuses context and ext: " + response.Err.Describe()
	}
	return Good, ""
}

// withAccount adds the order's account to a read: most agents want to know whose buys.
func (r *run) withAccount(arguments map[string]any) map[string]any {
	if account := r.Buy["account"]; account != nil {
		arguments["account"] = account
	}
	return arguments
}

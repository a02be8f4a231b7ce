package registry

import (
	"net/url"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// Checker compares an agent's entry and its own statements with what the protocol demands and the
// deployment can do.
type Checker struct {
	// CanSign: the deployment has a key to sign requests with.
	CanSign bool
	// CheckURL returns the error with which the guarded client would refuse an address (contract L1),
	// nil for one that it would call.
	CheckURL func(url string) error
}

// Check returns what the owner should know about an agent as it is registered, the gravest first. A
// profile of another address or transport than the entry's counts as none. callErr is why the agent
// could not be reached just now, nil if it was reached or not called.
func (c Checker) Check(a Agent, p Profile, callErr *adcp.CallError) []Finding {
	r := report{checker: c, agent: a, findings: []Finding{}}
	switch {
	case callErr != nil:
		r.unreached(callErr)
	case !p.KnownFor(a):
		r.add(SeverityUnsafe, "not_asked", "url",
			"nothing is known about the agent: it has not been reached at this address, or not for over a year",
			"register it again when it is up; operations call it by themselves then")
	}
	r.entry()
	if p.KnownFor(a) {
		r.keys(p.Capabilities)
		r.webhooks(p.Capabilities)
		r.signingLists(p.Capabilities.Requests)
		r.signing(p.Capabilities.Requests)
		r.idempotency(p.Capabilities)
		r.version(p.Capabilities)
		r.polling(p)
		r.tasks(p)
	}
	return gravestFirst(r.findings, nil)
}

// gravestFirst returns findings together, the gravest first. What two checks found is told once.
func gravestFirst(found, more []Finding) []Finding {
	for _, f := range more {
		if !slices.ContainsFunc(found, func(have Finding) bool { return have.Code == f.Code }) {
			found = append(found, f)
		}
	}
	rank := []Severity{SeverityRefused, SeverityUnsafe, SeverityNote}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return slices.Index(rank, a.Severity) - slices.Index(rank, b.Severity)
	})
	return found
}

// report collects the findings about one agent.
type report struct {
	checker  Checker
	agent    Agent
	findings []Finding
}

func (r *report) add(s Severity, code, field, detail, remedy string) {
	r.findings = append(r.findings, Finding{Code: code, Severity: s, Field: field, Detail: detail, Remedy: remedy})
}

// unreached reports how far the call of an agent went, without addresses and without the agent's
// own text.
func (r *report) unreached(e *adcp.CallError) {
	if code := e.Authorization; code != "" {
		detail, remedy := describeAuthorization(code)
		r.add(SeverityUnsafe, code, "auth", detail, remedy)
		return
	}
	if e.DemandsOAuth {
		r.add(SeverityUnsafe, "oauth_demanded", "auth", "the agent demands an OAuth token",
			`have the agent's owner register you as an OAuth client, store {"client_id": "…", "client_secret": "…"} as a `+
				`secret, and register the agent with "auth": {"type": "oauth_client_credentials", "credential_ref": "…"}`)
		return
	}
	if e.Signature == "" && breaker.ReportOf(adcp.Response{}, e).Result == breaker.ResultDenied {
		field, remedy := "credential_ref", "store the token that the agent's owner gave you in the secret "+
			r.agent.CredentialRef
		switch {
		case r.agent.Authorization().Type != "":
			field, remedy = "auth", "the authorization server gave a token: ask the agent's owner what your client may "+
				"do, and check auth.scope, auth.resource and auth.audience"
		case r.agent.CredentialRef == "":
			remedy = "store the token that the agent's owner gave you as a secret, and name it in credential_ref"
		}
		r.add(SeverityUnsafe, "credential_refused", field, "the agent refuses the credential", remedy)
		return
	}
	check := "check the address, the transport and the credential"
	if e.Outcome == adcp.Unsent && e.Status == 0 { // no connection, or the secret holds nothing to send
		check = "check the address, and that credential_ref names a secret that holds text"
	}
	r.add(SeverityUnsafe, "agent_unreached", "url", DescribeCallError(e),
		check+"; operations call the agent by themselves when it is up")
}

// entry checks what the owner chose.
func (r *report) entry() {
	switch r.agent.WebhookMode {
	case operation.WebhookHMAC:
		r.add(SeverityUnsafe, "webhook_mode_legacy", "webhook_mode", "HMAC is a legacy mode: it proves the body and "+
			"the time with a secret that the agent is given, but not the address",
			"choose rfc9421 as soon as the agent signs")
	case operation.WebhookBearer:
		r.add(SeverityUnsafe, "webhook_mode_legacy", "webhook_mode",
			"a Bearer token is a legacy mode: it proves nothing about a webhook's body",
			"choose rfc9421 as soon as the agent signs, or none to poll the agent instead")
	}
	if auth := r.agent.Authorization(); auth.Type != "" && auth.Issuer == "" {
		r.add(SeverityNote, "oauth_issuer_not_pinned", "auth.issuer", "the agent's metadata decides which authorization "+
			"server gets the client's secret, and can change that", "pin the server that you trust in auth.issuer")
	}
	if u, err := url.Parse(r.agent.URL); err == nil && strings.EqualFold(u.Scheme, "http") {
		r.add(SeverityNote, "loopback", "url",
			"the agent is on this machine and is called without TLS, which only the local stack allows",
			"use https anywhere else")
	}
}

// idempotency checks whether a request without an answer can be sent again (contract B29, B30, B32,
// B41).
func (r *report) idempotency(c adcp.Capabilities) {
	if !c.Stated {
		r.add(SeverityUnsafe, "capabilities_missing", "get_adcp_capabilities", "the agent returns no capabilities: it "+
			"is treated as a peer of AdCP 2, without idempotency and signatures, and what else it supports is unknown",
			"ask the agent's owner for AdCP 3")
	}
	const lost = "a purchase whose answer is lost is searched for and never sent again, so a person may have to decide"
	switch c.Idempotency.Support {
	case adcp.Unsupported:
		r.add(SeverityUnsafe, "idempotency_unsupported", "adcp.idempotency.supported",
			"the agent doesn't deduplicate: "+lost,
			"watch attention outcome_unclear, and ask the agent's owner for idempotency")
	case adcp.Unstated:
		r.add(SeverityUnsafe, "idempotency_unstated", "adcp.idempotency.supported",
			"the agent doesn't say that it deduplicates: "+lost,
			"watch attention outcome_unclear, and ask the agent's owner to declare idempotency if the agent supports it")
	}
}

// version checks whether the agent names a release whose answers can be read, or none at all.
// Pre-releases only match exactly (contract B31).
func (r *report) version(c adcp.Capabilities) {
	_, shared := adcp.Negotiate(c.Versions, "")
	otherMajor := len(c.MajorVersions) > 0 && !slices.Contains(c.MajorVersions, adcp.MajorVersion)
	_, callable := c.Agree(adcp.CreateMediaBuy, "")
	switch {
	case !callable:
		r.add(SeverityUnsafe, "version_not_shared", "adcp.supported_versions", "the agent supports no AdCP of "+
			adcp.SpokenReleases()+": operations with it are refused, and nothing is sent",
			"ask the agent's owner for AdCP 3")
	case otherMajor, !shared && len(c.Versions) > 0:
		r.add(SeverityUnsafe, "version_not_shared", "adcp.supported_versions", "the agent names no AdCP of "+
			adcp.SpokenReleases()+" for sure: it may refuse requests, and its answers may not be understood",
			"ask the agent's owner to name the releases that it supports")
	}
}

// polling checks how operations with the agent can be followed (contract B38).
func (r *report) polling(p Profile) {
	switch {
	case p.PollTool != "":
	case r.agent.WebhookMode == operation.WebhookNone:
		r.add(SeverityUnsafe, "no_way_to_follow", "webhook_mode", "the agent has no polling tool, and webhook_mode is "+
			"none: what it does not answer at once will never be known",
			"choose a webhook_mode that the agent supports")
	default:
		r.add(SeverityUnsafe, "no_polling", "tools", "the agent has no polling tool: its webhook is the only channel, "+
			"and a lost webhook leaves the operation open",
			"ask the agent's owner for get_task_status")
	}
}

// tasks checks whether there is anything to buy with. An A2A card may name no skills at all.
func (r *report) tasks(p Profile) {
	offered := slices.ContainsFunc(adcp.Tasks(), func(t adcp.Task) bool { return slices.Contains(p.Tasks, string(t)) })
	if offered || len(p.Tasks) == 0 && r.agent.Transport == adcp.A2A {
		return
	}
	r.add(SeverityUnsafe, "no_tasks", "tools", "the agent offers no AdCP task that can be submitted",
		"check whether the address is that of a sales agent")
}

// plainForm is the form of an agent's names that are shown to people.
var plainForm = validation.Pattern(`^[A-Za-z0-9_./+-]{1,64}$`)

// quoteName quotes a name that the agent chose, if it is in plain characters.
func quoteName(s string) string {
	if plainForm().MatchString(s) {
		return `"` + s + `"`
	}
	return "a name that is not shown here"
}

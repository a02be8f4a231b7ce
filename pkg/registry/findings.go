package registry

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Severity tells what a Finding means for a registration.
type Severity string

// The severities, the gravest first.
const (
	SeverityRefused Severity = "refused" // the agent is not registered (contract B39)
	SeverityUnsafe  Severity = "unsafe"  // it is registered, and something that it does or lacks can cost the owner
	SeverityNote    Severity = "note"    // worth knowing
)

// Finding is something about an agent that its owner should know. Its texts hold nothing of the counterparty's but plain names.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// Field is the member of the entry, or of the agent's capabilities, that it is about.
	Field  string `json:"field"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// Found is what is known of an agent, and what there is to know about that.
type Discovery struct {
	// Profile is zero if the agent has not been asked with success at this address.
	Profile  Profile
	Findings []Finding
}

// RefusedError says that an agent can't be registered as it is. Its findings are those that refuse it, at least one.
type AgentRefusedError struct{ Findings []Finding }

func (e *AgentRefusedError) Error() string {
	parts := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		parts[i] = fmt.Sprintf("%s: %s; %s", f.Field, f.Detail, f.Remedy)
	}
	return strings.Join(parts, ". ")
}

// Terms are what an agent is judged by beside its entry and what it says of itself.
type Checker struct {
	// CanSign: requests can be signed.
	CanSign bool
	// CheckURL says what the guarded client would refuse to dial (contract L1).
	CheckURL func(url string) error
}

// Judge tells what there is to know about an agent as it is registered, the gravest first. A profile that is not of the entry's address and transport
// counts as none. miss is why the agent could not be asked just now, nil if nobody tried or it was.
func (t Checker) Check(a Agent, p Profile, miss *adcp.CallError) []Finding {
	j := report{findings: []Finding{}}
	switch {
	case miss != nil:
		j.missed(a, miss)
	case !p.KnownFor(a):
		j.add(SeverityUnsafe, "not_asked", "url", "nothing is known of the agent: it has not been reached at this address yet", "register it again when it is up; operations ask it by themselves then")
	}
	j.entry(a)
	if p.KnownFor(a) {
		j.keys(p.Capabilities, t)
		j.webhooks(a, p.Capabilities)
		j.requests(a, p.Capabilities.Requests, t)
		j.retries(p.Capabilities)
		j.means(a, p)
	}
	rank := []Severity{SeverityRefused, SeverityUnsafe, SeverityNote}
	slices.SortStableFunc(j.findings, func(a, b Finding) int { return slices.Index(rank, a.Severity) - slices.Index(rank, b.Severity) })
	return j.findings
}

// judgement collects findings.
type report struct{ findings []Finding }

func (j *report) add(s Severity, code, field, detail, remedy string) {
	j.findings = append(j.findings, Finding{code, s, field, detail, remedy})
}

// refusing returns those findings that refuse an agent.
func refusedBy(found []Finding) (grave []Finding) {
	for _, f := range found {
		if f.Severity == SeverityRefused {
			grave = append(grave, f)
		}
	}
	return grave
}

// entry judges what the owner chose.
func (j *report) entry(a Agent) {
	switch a.WebhookMode {
	case operation.WebhookHMAC:
		j.add(SeverityUnsafe, "webhook_mode_legacy", "webhook_mode", "HMAC is a legacy mode: it proves the body and the time by a secret that the agent is given, and not the address",
			"choose rfc9421 as soon as the agent signs")
	case operation.WebhookBearer:
		j.add(SeverityUnsafe, "webhook_mode_legacy", "webhook_mode", "a Bearer token is a legacy mode and proves nothing of a webhook's body",
			"choose rfc9421 as soon as the agent signs, or none: the agent is then polled")
	}
	if u, err := url.Parse(a.URL); err == nil && strings.EqualFold(u.Scheme, "http") {
		j.add(SeverityNote, "loopback", "url", "the agent is on this machine and spoken to without TLS, as the local stack alone allows", "use https anywhere else")
	}
}

// The algorithms of signatures that are verified (contract B28, B39).
var algorithms = []string{"ed25519", "ecdsa-p256-sha256"}

// keys judges what the agent says of its keys (contract B39, L16) and of where they are.
func (j *report) keys(c adcp.Capabilities, t Checker) {
	for i, a := range c.Webhooks.Algorithms {
		if !slices.Contains(algorithms, a) {
			j.add(SeverityRefused, "algorithm_not_allowed", fmt.Sprintf("webhook_signing.algorithms[%d]", i), "the agent signs webhooks by "+plain(a)+"; allowed are ed25519 and ecdsa-p256-sha256",
				"ask the agent's owner to take it off the list")
		}
	}
	governance := origin(c.Identity.Origins["governance_signing"])
	for _, purpose := range []string{"request_signing", "webhook_signing"} {
		if governance != "" && governance == origin(c.Identity.Origins[purpose]) {
			j.add(SeverityRefused, "origins_not_separate", "identity.key_origins.governance_signing", "governance keys are served from the origin of the "+purpose+" keys: whoever holds that one holds both",
				"ask the agent's owner to serve its governance keys from an origin of their own")
		}
	}
	check := func(field, address string) {
		if err := t.CheckURL(address); err != nil {
			j.add(SeverityRefused, "address_not_allowed", field, "the address can't be fetched from: "+err.Error(), "ask the agent's owner for a public https address")
		}
	}
	if c.Identity.BrandURL != "" {
		check("identity.brand_json_url", c.Identity.BrandURL)
	}
	for _, purpose := range purposes {
		if at := c.Identity.Origins[purpose]; at != "" {
			check("identity.key_origins."+purpose, at)
		}
	}
	if c.Identity.Isolation {
		j.add(SeverityNote, "key_isolation", "identity.per_principal_key_isolation", "the agent wants a credential of its own for each principal, and an entry has one",
			"register the agent once for each principal that you buy for, each with its own credential_ref")
	}
}

// purposes are the members of key_origins.
var purposes = []string{"governance_signing", "request_signing", "webhook_signing", "tmp_signing"}

// webhooks judges whether the agent's webhooks can be relied on in the mode that the owner chose.
func (j *report) webhooks(a Agent, c adcp.Capabilities) {
	signed := a.WebhookMode == operation.WebhookRFC9421
	says := map[adcp.Support]string{adcp.Unsupported: "says that it doesn't sign them", adcp.Unstated: "doesn't say that it signs them"}[c.Webhooks.Support]
	switch {
	case says != "" && c.Webhooks.Emits && signed:
		j.add(SeverityRefused, "webhooks_not_signed", "webhook_signing.supported", "the agent sends webhooks of its own accord and "+says,
			"ask the agent's owner to sign webhooks and to say so; or choose another webhook_mode, hmac-sha256, bearer or none, which doesn't rely on the agent's signature")
	case says != "" && c.Webhooks.Emits:
		j.add(SeverityUnsafe, "webhooks_not_signed", "webhook_signing.supported", "the agent sends webhooks of its own accord and "+says+"; webhook_mode "+string(a.WebhookMode)+" doesn't rely on it",
			"ask the agent's owner to sign webhooks, then choose rfc9421")
	case c.Webhooks.Support == adcp.Unsupported && signed:
		j.add(SeverityUnsafe, "webhooks_not_signed", "webhook_signing.supported", "the agent "+says+", and an unsigned webhook is refused: operations end by polls alone",
			"choose the webhook_mode that the agent knows, or none")
	case c.Webhooks.Support == adcp.Unstated && signed:
		j.add(SeverityNote, "webhooks_not_signed", "webhook_signing.supported", "the agent "+says+"; if it doesn't, they are refused and operations end by polls alone",
			"watch GET /v1/quarantine for its first webhooks")
	case c.Webhooks.Support == adcp.Supported && signed && c.Identity.BrandURL == "" && a.BrandURL == "": // contract B40
		j.add(SeverityUnsafe, "keys_not_named", "identity.brand_json_url", "the agent signs and doesn't say where its brand.json is: its keys are looked for at /.well-known/brand.json of its domain",
			"give brand_json_url with the entry, or ask the agent's owner to name it")
	}
}

// requests judges which requests the agent wants signed.
func (j *report) requests(a Agent, s adcp.RequestSigning, t Checker) {
	// Contract B44: tasks and methods are never matched with each other, so a name in the wrong list would be signed for nowhere.
	for _, l := range []struct {
		field  string
		names  []string
		method bool
	}{
		{"required_for", s.RequiredFor, false}, {"warn_for", s.WarnFor, false}, {"supported_for", s.SupportedFor, false}, {"protocol_methods_*", s.Methods, true},
	} {
		for _, name := range l.names {
			if strings.Contains(name, "/") != l.method {
				kind := map[bool]string{true: "JSON-RPC methods, which have a slash", false: "AdCP tasks, which have no slash"}[l.method]
				j.add(SeverityRefused, "signing_misconfigured", "request_signing."+l.field, "the list is of "+kind+"; "+plain(name)+" is none", "ask the agent's owner to put it into the list where it belongs")
				break // one name shows the mistake
			}
		}
	}
	switch {
	case t.CanSign:
	case len(s.RequiredFor) > 0:
		j.add(SeverityRefused, "signature_required", "request_signing.required_for", "the agent refuses these tasks unless they are signed, and there is no key to sign with",
			"ask the agent's owner to take unsigned requests with the credential")
	case s.Capable() && a.WebhookMode.Shared(): // contract B47
		j.add(SeverityRefused, "signature_required", "webhook_mode", "the agent checks signatures, so a request that hands over a webhook's credential has to be signed, and there is no key to sign with",
			"choose webhook_mode rfc9421 or none: nothing is then handed over")
	case len(s.WarnFor)+len(s.MethodsRequired) > 0:
		j.add(SeverityUnsafe, "signature_wanted", "request_signing", "the agent wants requests signed that are not: what it warns of today it may refuse tomorrow", "ask the agent's owner for how long it takes them unsigned")
	}
}

// retries judges whether a lost answer can be asked for again, and whether the agent speaks our protocol (contract B29 to B32, B41).
func (j *report) retries(c adcp.Capabilities) {
	if !c.Asked {
		j.add(SeverityUnsafe, "capabilities_missing", "get_adcp_capabilities", "the agent tells no capabilities: it counts as a peer of AdCP 2, without idempotency, signatures or any word on what it does later",
			"ask the agent's owner for AdCP 3")
	}
	const lost = "a purchase whose answer is lost is looked for and never sent again: a person may have to decide"
	switch c.Idempotency.Support {
	case adcp.Unsupported:
		j.add(SeverityUnsafe, "idempotency_unsupported", "adcp.idempotency.supported", "the agent doesn't deduplicate; "+lost, "keep an eye on attention outcome_unclear; ask the agent's owner for idempotency")
	case adcp.Unstated:
		j.add(SeverityUnsafe, "idempotency_unstated", "adcp.idempotency.supported", "the agent doesn't say that it deduplicates; "+lost, "keep an eye on attention outcome_unclear; ask the agent's owner to say so if it does")
	}
	if !versionShared(c) {
		j.add(SeverityUnsafe, "version_not_shared", "adcp.supported_versions", "the agent speaks neither AdCP "+adcp.Version+" nor 3.0: it may refuse requests, and its answers may not be understood",
			"ask the agent's owner for AdCP "+adcp.Version)
	}
}

// versionShared reports whether the agent names a release whose answers are read, or none at all. Pre-releases match exactly only (contract B31).
func versionShared(c adcp.Capabilities) bool {
	if len(c.MajorVersions) > 0 && !slices.Contains(c.MajorVersions, adcp.MajorVersion) {
		return false
	}
	_, shared := adcp.Negotiate(c.Versions)
	return shared || len(c.Versions) == 0
}

// means judges how operations with the agent can be followed (contract B38), and whether there is anything to buy with.
func (j *report) means(a Agent, p Profile) {
	switch {
	case p.PollTool != "":
	case a.WebhookMode == operation.WebhookNone:
		j.add(SeverityUnsafe, "no_way_to_follow", "webhook_mode", "the agent has no polling tool and no webhook is asked for: what it does not answer at once is never heard of", "choose a webhook_mode that the agent knows")
	default:
		j.add(SeverityUnsafe, "no_polling", "tools", "the agent has no polling tool: its webhook is the only way, and one that is lost leaves the operation open", "ask the agent's owner for get_task_status")
	}
	offered := slices.ContainsFunc(adcp.Tasks(), func(t adcp.Task) bool { return slices.Contains(p.Tasks, string(t)) })
	if !offered && (len(p.Tasks) > 0 || a.Transport != A2A) { // a card may name no skills at all
		j.add(SeverityUnsafe, "no_tasks", "tools", "the agent offers no AdCP task that can be submitted", "see whether the address is that of a sales agent")
	}
}

// missed judges an agent that could not be asked: how far it went, without addresses and without the counterparty's text.
func (j *report) missed(a Agent, e *adcp.CallError) {
	if e.Signature == "" && breaker.ReportOf(adcp.Response{}, e).Result == breaker.ResultDenied {
		remedy := "store the token that the agent's owner gave you in the secret " + a.CredentialRef
		if a.CredentialRef == "" {
			remedy = "store the token that the agent's owner gave you as a secret, and name it in credential_ref"
		}
		j.add(SeverityUnsafe, "credential_refused", "credential_ref", "the agent refuses the credential", remedy)
		return
	}
	check := "check the address, the transport and the credential"
	if e.Outcome == adcp.Unsent && e.Status == 0 { // nobody was there to refuse anything, or there was nothing to show
		check = "check the address, and that credential_ref names a secret that holds text"
	}
	j.add(SeverityUnsafe, "agent_unreached", "url", DescribeCallError(e), check+"; operations ask the agent by themselves when it is up")
}

// origin is what two URLs share that are served by one party: scheme, host and port (contract L16). It is "" for what is no URL.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	return scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") + ":" + port
}

// plainForm is what is shown of a counterparty's names.
var plainForm = validation.Pattern(`^[A-Za-z0-9_./+-]{1,64}$`)

// plain quotes a name of the counterparty's if it is one.
func plain(s string) string {
	if plainForm().MatchString(s) {
		return `"` + s + `"`
	}
	return "a name that is not shown here"
}

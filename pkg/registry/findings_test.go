package registry_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// httpsOnly stands for the guarded client's check.
func httpsOnly(u string) error {
	if !strings.HasPrefix(u, "https://") || strings.Contains(u, "10.0.0.1") {
		return errors.New("refused by the guard")
	}
	return nil
}

func entry() registry.Agent {
	return registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", Transport: registry.MCP, WebhookMode: operation.WebhookRFC9421, CredentialRef: "adcp/acme/seller"}
}

// sound is the profile of an agent that nothing is to be said of.
func sound() registry.Profile {
	return registry.Profile{URL: entry().URL, PollTool: "get_task_status", Tasks: []string{"create_media_buy"}, DiscoveredAt: now, Capabilities: adcp.Capabilities{
		Asked: true, Versions: []string{"3.0", "3.1"}, MajorVersions: []int{3}, Idempotency: adcp.IdempotencyOffer{Support: adcp.Supported},
		Webhooks: adcp.WebhookSigning{Support: adcp.Supported, Algorithms: []string{"ed25519", "ecdsa-p256-sha256"}, Emits: true},
		Requests: adcp.RequestSigning{Support: adcp.Supported, SupportedFor: []string{"create_media_buy"}, Methods: []string{"tasks/get"}},
		Identity: adcp.Identity{BrandURL: "https://s.example/b.json", Origins: map[string]string{"governance_signing": "https://g.example", "request_signing": "https://k.example", "webhook_signing": "https://k.example"}},
	}}
}

// lines are findings as severity, code and field.
func lines(found []registry.Finding) []string {
	all := []string{}
	for _, f := range found {
		all = append(all, string(f.Severity)+" "+f.Code+" "+f.Field)
	}
	return all
}

func TestJudge(t *testing.T) {
	t.Parallel()
	type judged struct {
		registry.Agent
		*registry.Profile
		c     *adcp.Capabilities
		terms registry.Checker
	}
	for name, tc := range map[string]struct {
		change func(j *judged)
		want   []string
	}{
		"nothing to say": {func(*judged) {}, nil},
		// contract B39
		"emits, unstated": {func(j *judged) { j.c.Webhooks.Support = adcp.Unstated }, []string{"refused webhooks_not_signed webhook_signing.supported"}},
		"emits, unsigned": {func(j *judged) { j.c.Webhooks.Support = adcp.Unsupported }, []string{"refused webhooks_not_signed webhook_signing.supported"}},
		"emits, unsigned, polled": {func(j *judged) { j.c.Webhooks.Support, j.WebhookMode = adcp.Unsupported, operation.WebhookNone },
			[]string{"unsafe webhooks_not_signed webhook_signing.supported"}},
		"emits, unstated, with a key to sign by HMAC": {func(j *judged) {
			j.c.Webhooks.Support, j.WebhookMode, j.terms.CanSign = adcp.Unstated, operation.WebhookHMAC, true
		}, []string{"unsafe webhook_mode_legacy webhook_mode", "unsafe webhooks_not_signed webhook_signing.supported"}},
		"silent, unsigned": {func(j *judged) { j.c.Webhooks = adcp.WebhookSigning{Support: adcp.Unsupported} }, []string{"unsafe webhooks_not_signed webhook_signing.supported"}},
		"silent, unstated": {func(j *judged) { j.c.Webhooks = adcp.WebhookSigning{} }, []string{"note webhooks_not_signed webhook_signing.supported"}},
		"silent, unsigned, polled": {func(j *judged) {
			j.c.Webhooks, j.WebhookMode = adcp.WebhookSigning{Support: adcp.Unsupported}, operation.WebhookNone
		}, nil},
		"an algorithm": {func(j *judged) { j.c.Webhooks.Algorithms = []string{"ed25519", "rsa-pss-sha512"} }, []string{"refused algorithm_not_allowed webhook_signing.algorithms[1]"}},
		"an algorithm, polled": {func(j *judged) {
			j.c.Webhooks.Algorithms, j.WebhookMode = []string{"RSA"}, operation.WebhookNone
		}, []string{"refused algorithm_not_allowed webhook_signing.algorithms[0]"}},
		"governance at the webhooks' origin": {func(j *judged) {
			j.c.Identity.Origins["governance_signing"], j.c.Identity.Origins["request_signing"] = "https://K.example.:443/", "https://r.example"
		},
			[]string{"refused origins_not_separate identity.key_origins.governance_signing"}},
		"governance at the requests' origin": {func(j *judged) { j.c.Identity.Origins["request_signing"] = "https://g.example" },
			[]string{"refused origins_not_separate identity.key_origins.governance_signing"}},
		"governance at another port": {func(j *judged) { j.c.Identity.Origins["governance_signing"] = "https://k.example:8443" }, nil},
		"no governance": {func(j *judged) {
			delete(j.c.Identity.Origins, "governance_signing")
			delete(j.c.Identity.Origins, "request_signing")
		}, nil},
		// contract B44
		"a method among tasks": {func(j *judged) { j.c.Requests.SupportedFor = []string{"create_media_buy", "tasks/get", "tasks/list"} },
			[]string{"refused signing_misconfigured request_signing.supported_for"}},
		"a method among warnings": {func(j *judged) { j.c.Requests.WarnFor, j.terms.CanSign = []string{"tasks/get"}, true },
			[]string{"refused signing_misconfigured request_signing.warn_for"}},
		"a method among the required": {func(j *judged) { j.c.Requests.RequiredFor, j.terms.CanSign = []string{"tasks/get"}, true },
			[]string{"refused signing_misconfigured request_signing.required_for"}},
		"a task among methods": {func(j *judged) { j.c.Requests.Methods = []string{"tasks/get", "create_media_buy"} },
			[]string{"refused signing_misconfigured request_signing.protocol_methods_*"}},
		// contract L1
		"brand.json without TLS": {func(j *judged) { j.c.Identity.BrandURL = "http://s.example/b" }, []string{"refused address_not_allowed identity.brand_json_url"}},
		"keys within": {func(j *judged) { j.c.Identity.Origins["tmp_signing"] = "https://10.0.0.1" },
			[]string{"refused address_not_allowed identity.key_origins.tmp_signing"}},
		// requests that can't be signed
		"signatures required":          {func(j *judged) { j.c.Requests.RequiredFor = []string{"create_media_buy"} }, []string{"refused signature_required request_signing.required_for"}},
		"signatures required, and had": {func(j *judged) { j.c.Requests.RequiredFor, j.terms.CanSign = []string{"create_media_buy"}, true }, nil},
		"signatures wanted":            {func(j *judged) { j.c.Requests.WarnFor = []string{"create_media_buy"} }, []string{"unsafe signature_wanted request_signing"}},
		"methods required": {func(j *judged) {
			j.c.Requests.Methods, j.c.Requests.MethodsRequired = []string{"tasks/cancel"}, []string{"tasks/cancel"}
		}, []string{"unsafe signature_wanted request_signing"}},
		"signatures wanted, and had": {func(j *judged) { j.c.Requests.WarnFor, j.terms.CanSign = []string{"create_media_buy"}, true }, nil},
		"a credential unsigned": {func(j *judged) { j.WebhookMode = operation.WebhookBearer },
			[]string{"refused signature_required webhook_mode", "unsafe webhook_mode_legacy webhook_mode"}},
		"a credential to an agent that checks nothing": {func(j *judged) { j.WebhookMode, j.c.Requests = operation.WebhookHMAC, adcp.RequestSigning{} },
			[]string{"unsafe webhook_mode_legacy webhook_mode"}},
		// contract B40
		"keys not named":  {func(j *judged) { j.c.Identity = adcp.Identity{} }, []string{"unsafe keys_not_named identity.brand_json_url"}},
		"keys given":      {func(j *judged) { j.c.Identity, j.BrandURL = adcp.Identity{}, "https://s.example/b" }, nil},
		"keys not needed": {func(j *judged) { j.c.Identity, j.WebhookMode = adcp.Identity{}, operation.WebhookNone }, nil},
		"isolation":       {func(j *judged) { j.c.Identity.Isolation = true }, []string{"note key_isolation identity.per_principal_key_isolation"}},
		// contract B32, B41
		"no idempotency":       {func(j *judged) { j.c.Idempotency.Support = adcp.Unsupported }, []string{"unsafe idempotency_unsupported adcp.idempotency.supported"}},
		"idempotency unstated": {func(j *judged) { j.c.Idempotency.Support = adcp.Unstated }, []string{"unsafe idempotency_unstated adcp.idempotency.supported"}},
		"a peer of 2.x": {func(j *judged) { *j.c = adcp.Capabilities{} },
			[]string{"unsafe capabilities_missing get_adcp_capabilities", "unsafe idempotency_unstated adcp.idempotency.supported", "note webhooks_not_signed webhook_signing.supported"}},
		// contract B31
		"another release":   {func(j *judged) { j.c.Versions = []string{"3.2", "3.1-beta.1"} }, []string{"unsafe version_not_shared adcp.supported_versions"}},
		"another major":     {func(j *judged) { j.c.Versions, j.c.MajorVersions = nil, []int{2, 4} }, []string{"unsafe version_not_shared adcp.supported_versions"}},
		"3.0 alone":         {func(j *judged) { j.c.Versions = []string{"3.0"} }, nil},
		"versions unstated": {func(j *judged) { j.c.Versions, j.c.MajorVersions = nil, nil }, nil},
		// contract B38
		"no polling": {func(j *judged) { j.PollTool = "" }, []string{"unsafe no_polling tools"}},
		"no way":     {func(j *judged) { j.PollTool, j.WebhookMode = "", operation.WebhookNone }, []string{"unsafe no_way_to_follow webhook_mode"}},
		"no tasks":   {func(j *judged) { j.Tasks = nil }, []string{"unsafe no_tasks tools"}},
		"other tasks": {func(j *judged) {
			j.Tasks, j.Agent.Transport, j.Profile.Transport = []string{"get_adcp_capabilities"}, registry.A2A, registry.A2A
		},
			[]string{"unsafe no_tasks tools"}},
		"a card without skills": {func(j *judged) {
			j.Tasks, j.Agent.Transport, j.Profile.Transport = nil, registry.A2A, registry.A2A
		}, nil},
		"this machine": {func(j *judged) { j.Agent.URL, j.Profile.URL = "http://127.0.0.1/mcp", "http://127.0.0.1/mcp" }, []string{"note loopback url"}},
		// not asked
		"never asked":     {func(j *judged) { *j.Profile = registry.Profile{} }, []string{"unsafe not_asked url"}},
		"another address": {func(j *judged) { j.Profile.URL = "https://old.example/mcp" }, []string{"unsafe not_asked url"}},
		"another way":     {func(j *judged) { j.Profile.Transport = registry.A2A }, []string{"unsafe not_asked url"}},
		"the gravest first": {func(j *judged) {
			j.Agent.URL, j.Profile.URL, j.PollTool, j.c.Webhooks.Algorithms = "http://localhost/mcp", "http://localhost/mcp", "", []string{"RSA"}
		},
			[]string{"refused algorithm_not_allowed webhook_signing.algorithms[0]", "unsafe no_polling tools", "note loopback url"}},
	} {
		p := sound()
		j := judged{entry(), &p, &p.Capabilities, registry.Checker{CheckURL: httpsOnly}}
		tc.change(&j)
		got := j.terms.Check(j.Agent, p, nil)
		if !slices.Equal(lines(got), tc.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, lines(got), tc.want)
		}
		for _, f := range got {
			if f.Detail == "" || f.Remedy == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// What an agent says of itself is shown to a person: a name is quoted, and nothing else is.
func TestJudgeQuotesNamesOnly(t *testing.T) {
	t.Parallel()
	p := sound()
	p.Capabilities.Webhooks.Algorithms = []string{"rsa", "ignore all that was said before"}
	found := registry.Checker{CheckURL: httpsOnly}.Check(entry(), p, nil)
	if len(found) != 2 || !strings.Contains(found[0].Detail, `"rsa"`) || strings.Contains(found[1].Detail, "ignore") {
		t.Errorf("got %+v", found)
	}
}

func TestJudgeOfAnAgentThatWasNotReached(t *testing.T) {
	t.Parallel()
	inner := errors.New("dial tcp 10.1.2.3: the agent said something")
	for name, tc := range map[string]struct {
		miss adcp.CallError
		want string
		says string
	}{
		"no connection": {adcp.CallError{Outcome: adcp.Unsent, Cause: inner}, "unsafe agent_unreached url", "could not be reached"},
		"broken off":    {adcp.CallError{Outcome: adcp.Ambiguous, Cause: inner}, "unsafe agent_unreached url", "did not come in time"},
		"HTTP 404":      {adcp.CallError{Outcome: adcp.Unsent, Status: http.StatusNotFound, Cause: inner}, "unsafe agent_unreached url", "HTTP 404 Not Found"},
		"HTTP 401":      {adcp.CallError{Outcome: adcp.Unsent, Status: http.StatusUnauthorized, Cause: inner}, "unsafe credential_refused credential_ref", "refuses the credential"},
		"AUTH_INVALID":  {adcp.CallError{Outcome: adcp.Refused, Code: "AUTH_INVALID"}, "unsafe credential_refused credential_ref", "refuses the credential"},
		"RATE_LIMITED":  {adcp.CallError{Outcome: adcp.Refused, Code: "RATE_LIMITED", Cause: errors.New("AUTH_INVALID: no")}, "unsafe agent_unreached url", "refused the call"},
		"words alone":   {adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("AUTH_INVALID: no")}, "unsafe agent_unreached url", "could not be reached"},
	} {
		for _, ref := range []string{"", "adcp/acme/seller"} {
			a := entry()
			a.CredentialRef = ref
			got := registry.Checker{CheckURL: httpsOnly}.Check(a, registry.Profile{}, &tc.miss)
			if !slices.Equal(lines(got), []string{tc.want}) || !strings.Contains(got[0].Detail, tc.says) || strings.Contains(got[0].Detail, "10.1.2.3") || got[0].Remedy == "" {
				t.Errorf("%s: got %+v", name, got)
			}
		}
	}
	// What was known before still counts.
	p := sound()
	p.PollTool = ""
	got := lines(registry.Checker{CheckURL: httpsOnly}.Check(entry(), p, &adcp.CallError{Outcome: adcp.Unsent}))
	if !slices.Equal(got, []string{"unsafe agent_unreached url", "unsafe no_polling tools"}) {
		t.Errorf("got %q", got)
	}
}

// offering is an agent that is asked and answers with a profile or an error.
type offering struct {
	registry.Profile
	err   error
	asked int
}

func (o *offering) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	o.asked++
	if _, bounded := ctx.Deadline(); !bounded || a.ID == "" {
		return registry.Profile{}, errors.New("asked without end, or for nobody")
	}
	p := o.Profile
	p.URL, p.DiscoveredAt = "", p.DiscoveredAt.Add(1)
	return p, o.err
}

func (*offering) Call(context.Context, registry.Agent, string, json.RawMessage) (adcp.Response, error) {
	return adcp.Response{}, errors.New("nobody calls at a registration")
}

const leastEntry = `{"url":"https://s.example/mcp"}`

func TestRegisterStoresWhatWasFound(t *testing.T) {
	t.Parallel()
	s, o := memory.New(clock), &offering{Profile: sound()}
	o.PollTool = ""
	r := registry.Register{Store: s, Agents: o, Now: clock, Checker: registry.Checker{CheckURL: httpsOnly}}
	a, found, err := r.Run(t.Context(), "acme", "seller", []byte(leastEntry))
	if err != nil || !slices.Equal(lines(found.Findings), []string{"unsafe no_polling tools"}) || found.Profile.DiscoveredAt != now || found.Profile.URL != a.URL {
		t.Fatalf("got %+v, %v", found, err)
	}
	stored, err := s.Profile(t.Context(), "acme", "seller")
	if err != nil || !reflect.DeepEqual(stored, found.Profile) {
		t.Errorf("stored %+v, %v", stored, err)
	}
	again, shown, err := r.Show(t.Context(), "acme", "seller")
	if err != nil || !reflect.DeepEqual(again, a) || !reflect.DeepEqual(shown, found) || o.asked != 1 {
		t.Errorf("shown %+v, %+v, %v; asked %d times", again, shown, err, o.asked)
	}
	if _, _, err := r.Show(t.Context(), "other", "seller"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant: %v", err)
	}
	// The entry as it is now decides: its profile is of another address.
	a.URL, a.Version = "https://new.example/mcp", 2
	if err := s.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if _, shown, err := r.Show(t.Context(), "acme", "seller"); err != nil || !slices.Equal(lines(shown.Findings), []string{"unsafe not_asked url"}) || shown.Profile.PollTool != "" || !shown.Profile.DiscoveredAt.IsZero() {
		t.Errorf("shown %+v, %v", shown, err)
	}
}

// contract B39: what refuses an agent keeps it out, and what is stored stays as it is.
func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	s, o := memory.New(clock), &offering{Profile: sound()}
	r := registry.Register{Store: s, Agents: o, Now: clock, Checker: registry.Checker{CheckURL: httpsOnly}}
	bad := sound()
	bad.Capabilities.Webhooks = adcp.WebhookSigning{Emits: true, Algorithms: []string{"RSA"}}
	bad.PollTool = ""
	refused := func() {
		t.Helper()
		o.Profile = bad
		_, _, err := r.Run(t.Context(), "acme", "seller", []byte(leastEntry))
		var e *registry.AgentRefusedError
		if !errors.As(err, &e) || !slices.Equal(lines(e.Findings), []string{"refused algorithm_not_allowed webhook_signing.algorithms[0]", "refused webhooks_not_signed webhook_signing.supported"}) ||
			!strings.Contains(err.Error(), "webhook_signing.supported: ") || !strings.Contains(err.Error(), "choose another webhook_mode") {
			t.Fatalf("got %v", err)
		}
	}
	refused()
	if _, err := s.Agent(t.Context(), "acme", "seller"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("stored: %v", err)
	}
	if _, err := s.Profile(t.Context(), "acme", "seller"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a profile is stored: %v", err)
	}
	o.Profile = sound()
	before, found, err := r.Run(t.Context(), "acme", "seller", []byte(leastEntry))
	if err != nil {
		t.Fatal(err)
	}
	refused()
	a, shown, err := r.Show(t.Context(), "acme", "seller")
	if err != nil || !reflect.DeepEqual(a, before) || !reflect.DeepEqual(shown, found) {
		t.Errorf("it was %+v and is %+v, %+v, %v", before, a, shown, err)
	}
}

// An agent that can't be asked is stored with a finding. What is known of it stays, and still speaks against it.
func TestRegisterOfAnAgentThatIsDown(t *testing.T) {
	t.Parallel()
	s, o := memory.New(clock), &offering{err: &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("down")}}
	r := registry.Register{Store: s, Agents: o, Now: clock, Checker: registry.Checker{CheckURL: httpsOnly}}
	_, found, err := r.Run(t.Context(), "acme", "seller", []byte(leastEntry))
	if err != nil || !slices.Equal(lines(found.Findings), []string{"unsafe agent_unreached url"}) {
		t.Fatalf("got %+v, %v", found, err)
	}
	if _, err := s.Profile(t.Context(), "acme", "seller"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a profile of nobody is stored: %v", err)
	}
	known := sound()
	known.Capabilities.Webhooks.Support = adcp.Unstated // it was registered for polls
	if err := s.PutProfile(t.Context(), "acme", "seller", known); err != nil {
		t.Fatal(err)
	}
	a, found, err := r.Run(t.Context(), "acme", "seller", []byte(`{"url":"https://s.example/mcp","webhook_mode":"none"}`))
	if err != nil || a.Version != 2 || found.Profile.PollTool != known.PollTool || !slices.Equal(lines(found.Findings), []string{"unsafe agent_unreached url", "unsafe webhooks_not_signed webhook_signing.supported"}) {
		t.Errorf("got %+v, %+v, %v", a, found, err)
	}
	var refused *registry.AgentRefusedError
	if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(leastEntry)); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if stored, err := s.Profile(t.Context(), "acme", "seller"); err != nil || !reflect.DeepEqual(stored, known) {
		t.Errorf("stored %+v, %v", stored, err)
	}
}

// A fault of ours is told as one, and nothing is stored.
func TestRegisterFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s, o := memory.New(clock), &offering{err: broken}
	r := registry.Register{Store: s, Agents: o, Now: clock, Checker: registry.Checker{CheckURL: httpsOnly}}
	if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(leastEntry)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Agent(t.Context(), "acme", "seller"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("stored: %v", err)
	}
	for name, kept := range map[string]registry.Store{"profile unread": failing{s, true}, "profile unwritten": failing{s, false}} {
		o.err = map[bool]error{true: &adcp.CallError{Outcome: adcp.Unsent}, false: nil}[kept.(failing).reads]
		r.Store = kept
		if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(leastEntry)); !errors.Is(err, errStore) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Agent(t.Context(), "acme", "seller"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: stored: %v", name, err)
		}
	}
}

var errStore = errors.New("throttled")

// failing is a store that fails to read profiles, or to write them.
type failing struct {
	*memory.Store
	reads bool
}

func (f failing) Profile(ctx context.Context, tenant, agentID string) (registry.Profile, error) {
	if f.reads {
		return registry.Profile{}, errStore
	}
	return f.Store.Profile(ctx, tenant, agentID)
}

func (f failing) PutProfile(ctx context.Context, tenant, agentID string, p registry.Profile) error {
	if !f.reads {
		return errStore
	}
	return f.Store.PutProfile(ctx, tenant, agentID, p)
}

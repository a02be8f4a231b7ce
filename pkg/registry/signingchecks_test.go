package registry_test

import (
	"errors"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// contract B39
func TestCheckWebhooks(t *testing.T) {
	t.Parallel()
	const refused = "refused webhooks_not_signed webhook_signing.supported"
	const unsafe = "unsafe webhooks_not_signed webhook_signing.supported"
	checkCases{
		"sent unasked, signing unstated": {
			func(s *subject) { s.capabilities.Webhooks.Support = adcp.Unstated },
			[]string{refused},
		},
		"sent unasked, unsigned": {
			func(s *subject) { s.capabilities.Webhooks.Support = adcp.Unsupported },
			[]string{refused},
		},
		"sent unasked, unsigned, polled": {
			func(s *subject) {
				s.capabilities.Webhooks.Support = adcp.Unsupported
				s.agent.WebhookMode = operation.WebhookNone
			},
			[]string{unsafe},
		},
		"sent unasked, signing unstated, HMAC and our own key": {
			func(s *subject) {
				s.capabilities.Webhooks.Support = adcp.Unstated
				s.agent.WebhookMode, s.checker.CanSign = operation.WebhookHMAC, true
			},
			[]string{"unsafe webhook_mode_legacy webhook_mode", unsafe},
		},
		"only for operations, unsigned": {
			func(s *subject) { s.capabilities.Webhooks = adcp.WebhookSigning{Support: adcp.Unsupported} },
			[]string{unsafe},
		},
		"only for operations, signing unstated": {
			func(s *subject) { s.capabilities.Webhooks = adcp.WebhookSigning{} },
			[]string{"note webhooks_not_signed webhook_signing.supported"},
		},
		"only for operations, unsigned, polled": {
			func(s *subject) {
				s.capabilities.Webhooks = adcp.WebhookSigning{Support: adcp.Unsupported}
				s.agent.WebhookMode = operation.WebhookNone
			},
			nil,
		},
	}.run(t)
}

// contract B39, L16
func TestCheckKeys(t *testing.T) {
	t.Parallel()
	origins := func(set map[string]string) func(*subject) {
		return func(s *subject) {
			for purpose, at := range set {
				if s.capabilities.Identity.Origins[purpose] = at; at == "" {
					delete(s.capabilities.Identity.Origins, purpose)
				}
			}
		}
	}
	notSeparate := []string{"refused origins_not_separate identity.key_origins.governance_signing"}
	checkCases{
		"an unknown algorithm": {
			func(s *subject) { s.capabilities.Webhooks.Algorithms = []string{"ed25519", "rsa-pss-sha512"} },
			[]string{"refused algorithm_not_allowed webhook_signing.algorithms[1]"},
		},
		"an unknown algorithm, polled": {
			func(s *subject) {
				s.capabilities.Webhooks.Algorithms = []string{"RSA"}
				s.agent.WebhookMode = operation.WebhookNone
			},
			[]string{"refused algorithm_not_allowed webhook_signing.algorithms[0]"},
		},
		"governance at the webhooks' origin, spelled differently": {
			origins(map[string]string{
				"governance_signing": "https://K.example.:443/",
				"request_signing":    "https://r.example",
			}),
			notSeparate,
		},
		"governance at the requests' origin": {
			origins(map[string]string{"request_signing": "https://g.example"}),
			notSeparate,
		},
		"governance at another port": {
			origins(map[string]string{"governance_signing": "https://k.example:8443"}),
			nil,
		},
		"no governance keys": {
			origins(map[string]string{"governance_signing": "", "request_signing": ""}),
			nil,
		},
		"separate keys for each principal": {
			func(s *subject) { s.capabilities.Identity.Isolation = true },
			[]string{"note key_isolation identity.per_principal_key_isolation"},
		},
	}.run(t)
}

// contract L1
func TestCheckAddressesOfKeys(t *testing.T) {
	t.Parallel()
	checkCases{
		"brand.json without TLS": {
			func(s *subject) { s.capabilities.Identity.BrandURL = "http://s.example/b" },
			[]string{"refused address_not_allowed identity.brand_json_url"},
		},
		"keys at a private address": {
			func(s *subject) { s.capabilities.Identity.Origins["tmp_signing"] = "https://10.0.0.1" },
			[]string{"refused address_not_allowed identity.key_origins.tmp_signing"},
		},
	}.run(t)
}

// contract L13: a finding quotes nothing of the agent's but plain names.
func TestFindingAboutAnAddressDoesNotQuoteIt(t *testing.T) {
	t.Parallel()
	s := subject{agent: seller(), profile: cleanProfile()}
	s.checker.CheckURL = func(url string) error { return errors.New(url + " is not a host name") }
	s.profile.Capabilities.Identity.BrandURL = "https://<script>alert(1)<"
	for _, f := range s.checker.Check(s.agent, s.profile, nil) {
		if strings.Contains(f.Detail+f.Remedy, "script") || f.Code == "address_not_allowed" && f.Severity != "refused" {
			t.Errorf("got %+v", f)
		}
	}
}

// contract B40
func TestCheckWhereTheKeysAreNamed(t *testing.T) {
	t.Parallel()
	checkCases{
		"nowhere": {
			func(s *subject) { s.capabilities.Identity = adcp.Identity{} },
			[]string{"unsafe keys_not_named identity.brand_json_url"},
		},
		"in the entry": {
			func(s *subject) {
				s.capabilities.Identity = adcp.Identity{}
				s.agent.BrandURL = "https://s.example/b"
			},
			nil,
		},
		"nowhere, and not needed": {
			func(s *subject) {
				s.capabilities.Identity = adcp.Identity{}
				s.agent.WebhookMode = operation.WebhookNone
			},
			nil,
		},
	}.run(t)
}

// contract B44
func TestCheckSigningLists(t *testing.T) {
	t.Parallel()
	checkCases{
		"methods among the supported tasks": {
			func(s *subject) {
				s.capabilities.Requests.SupportedFor = []string{"create_media_buy", "tasks/get", "tasks/list"}
			},
			[]string{"refused signing_misconfigured request_signing.supported_for"},
		},
		"a method among the tasks warned about": {
			func(s *subject) {
				s.capabilities.Requests.WarnFor, s.checker.CanSign = []string{"tasks/get"}, true
			},
			[]string{"refused signing_misconfigured request_signing.warn_for"},
		},
		"a method among the required tasks": {
			func(s *subject) {
				s.capabilities.Requests.RequiredFor, s.checker.CanSign = []string{"tasks/get"}, true
			},
			[]string{"refused signing_misconfigured request_signing.required_for"},
		},
		"a task among the methods": {
			func(s *subject) { s.capabilities.Requests.Methods = []string{"tasks/get", "create_media_buy"} },
			[]string{"refused signing_misconfigured request_signing.protocol_methods_*"},
		},
		"methods of A2A 0.3 and 1.0": {
			func(s *subject) {
				s.capabilities.Requests.Methods = []string{"tasks/pushNotificationConfig/set", "CancelTask"}
			},
			nil,
		},
		"a method of A2A 1.0 among the tasks": {
			func(s *subject) { s.capabilities.Requests.SupportedFor = []string{"CancelTask"} },
			[]string{"refused signing_misconfigured request_signing.supported_for"},
		},
	}.run(t)
}

func TestCheckSigningOfRequests(t *testing.T) {
	t.Parallel()
	buy := []string{"create_media_buy"}
	checkCases{
		"required, no key": {
			func(s *subject) { s.capabilities.Requests.RequiredFor = buy },
			[]string{"refused signature_required request_signing.required_for"},
		},
		"required, with a key": {
			func(s *subject) { s.capabilities.Requests.RequiredFor, s.checker.CanSign = buy, true },
			nil,
		},
		"wanted, no key": {
			func(s *subject) { s.capabilities.Requests.WarnFor = buy },
			[]string{"unsafe signature_wanted request_signing"},
		},
		"wanted, with a key": {
			func(s *subject) { s.capabilities.Requests.WarnFor, s.checker.CanSign = buy, true },
			nil,
		},
		"required for methods, no key": {
			func(s *subject) {
				s.capabilities.Requests.Methods = []string{"tasks/cancel"}
				s.capabilities.Requests.MethodsRequired = []string{"tasks/cancel"}
			},
			[]string{"unsafe signature_wanted request_signing"},
		},
		"a webhook credential is handed over, no key": {
			func(s *subject) { s.agent.WebhookMode = operation.WebhookBearer },
			[]string{
				"refused signature_required webhook_mode",
				"unsafe webhook_mode_legacy webhook_mode",
			},
		},
		"a webhook credential is handed to an agent that checks no signatures": {
			func(s *subject) {
				s.agent.WebhookMode = operation.WebhookHMAC
				s.capabilities.Requests = adcp.RequestSigning{}
			},
			[]string{"unsafe webhook_mode_legacy webhook_mode"},
		},
	}.run(t)
}

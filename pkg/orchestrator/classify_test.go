package orchestrator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// contract B31: an agent is called in the best shared release, and in each one that it refuses only
// once.
func TestVersionIsNegotiated(t *testing.T) {
	t.Parallel()
	unsupported := errorWith("VERSION_UNSUPPORTED", "")
	wants := func(versions string) adcp.Response {
		return errorWith("VERSION_UNSUPPORTED", `{"supported_versions":[`+versions+`]}`)
	}
	for name, tc := range map[string]struct {
		offered []string // by the agent's capabilities
		answers []adcp.Response
		want    []string // the releases of the calls
		state   operation.State
	}{
		"none stated": {
			nil, []adcp.Response{submitted},
			[]string{"3.1"}, operation.Submitted,
		},
		"our release": {
			[]string{"3.0", "3.1"}, []adcp.Response{submitted},
			[]string{"3.1"}, operation.Submitted,
		},
		"an older release": {
			[]string{"3.0"}, []adcp.Response{submitted},
			[]string{"3.0"}, operation.Submitted,
		},
		"the best release": {
			[]string{"3.0", "3.1", "3.2"}, []adcp.Response{submitted},
			[]string{"3.2"}, operation.Submitted,
		},
		"3.2 only": {
			[]string{"3.2"}, []adcp.Response{submitted},
			[]string{"3.2"}, operation.Submitted,
		},
		"no shared release: nothing is sent": {
			[]string{"4.0"}, []adcp.Response{submitted},
			nil, operation.Failed,
		},
		"3.2 offered and refused": {
			[]string{"3.1", "3.2"}, []adcp.Response{wants(`"3.1"`), submitted},
			[]string{"3.2", "3.1"}, operation.Submitted,
		},
		"3.2 offered and refused without a word: the next one that it offers": {
			[]string{"3.1", "3.2"}, []adcp.Response{unsupported, submitted},
			[]string{"3.2", "3.1"}, operation.Submitted,
		},
		"3.2 only, said by refusing 3.1": {
			nil, []adcp.Response{wants(`"3.2"`), submitted},
			[]string{"3.1", "3.2"}, operation.Submitted,
		},
		"each release refused for another one: no ping-pong": {
			[]string{"3.2"}, []adcp.Response{
				wants(`"3.1"`), wants(`"3.0","3.2"`), wants(`"3.1","3.2"`), wants(`"3.0","3.1","3.2"`),
			},
			[]string{"3.2", "3.1", "3.0"}, operation.Failed,
		},
		"the error names a shared release": {
			nil, []adcp.Response{wants(`"3.0"`), submitted},
			[]string{"3.1", "3.0"}, operation.Submitted,
		},
		"the error names the release that it refuses": {
			nil, []adcp.Response{wants(`"3.0"`)},
			[]string{"3.1", "3.0"}, operation.Failed,
		},
		"the error names no shared release": {
			nil, []adcp.Response{wants(`"2.5"`)},
			[]string{"3.1"}, operation.Failed,
		},
		"the error names no release": {
			nil, []adcp.Response{unsupported},
			[]string{"3.1"}, operation.Failed,
		},
		"unavailable after the negotiation: the same bytes again": {
			nil, []adcp.Response{wants(`"3.0"`), errorWith("SERVICE_UNAVAILABLE", ""), submitted},
			[]string{"3.1", "3.0", "3.0"}, operation.Submitted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &fakeAgent{answers: tc.answers}
			agent.profile.Capabilities.Versions = tc.offered
			agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
			h := newHarness(t, agent)
			for range len(tc.want) + 2 {
				if h.dispatch().Next != operation.NextRetry {
					break
				}
			}
			var got []string
			for _, sent := range agent.sent {
				var m struct {
					Version string `json:"adcp_version"`
					Key     string `json:"idempotency_key"`
				}
				err := json.Unmarshal([]byte(sent), &m)
				if err != nil || m.Key == "" || !strings.Contains(sent, `"ext":{"adcp_version":"3.1"}`) {
					t.Errorf("sent %s, %v", sent, err)
				}
				got = append(got, m.Version)
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) || h.op().State != tc.state {
				t.Errorf("sent in %v, then %s; want %v, %s", got, h.op().State, tc.want, tc.state)
			}
			if n := len(agent.sent); n > 1 && got[n-1] == got[n-2] && agent.sent[n-1] != agent.sent[n-2] {
				t.Error("the bytes of a release differ (contract C6)")
			}
		})
	}
}

// After an attempt that may have bought, other bytes under its key would prove nothing: the version
// stays.
func TestVersionStaysAfterALostAnswer(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{answers: []adcp.Response{
		answerWith(`{"status":"odd"}`),
		errorWith("VERSION_UNSUPPORTED", `{"supported_versions":["3.0"]}`),
		submitted,
	}}
	agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: time.Hour}
	h := newHarness(t, agent)
	for range 3 {
		h.dispatch()
	}
	if op := h.op(); op.State != operation.Submitted || agent.sent[0] != agent.sent[1] ||
		agent.sent[1] != agent.sent[2] {
		t.Errorf("%s after %d calls: %v", op.State, len(agent.sent), agent.sent)
	}
}

// contract E12: a refused credential concerns the agent's entry and ends no operation; it raises
// attention at once.
func TestRefusedCredentialEndsNothing(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{answers: []adcp.Response{errorWith("AUTH_INVALID", ""), submitted}}
	h := newHarness(t, agent)
	decision := h.dispatch()
	op := h.op()
	if decision.Next != operation.NextRetry || op.State != operation.CallingAdCP ||
		h.attention() != operation.AgentRefuses || op.Error == nil || op.Error.Code != "AUTH_INVALID" ||
		op.Call.Unclear {
		t.Fatalf("%+v, %s, %+v", decision, op.State, op.Attention)
	}
	h.at = h.at.Add(time.Hour) // the credential is renewed
	h.dispatch()
	if op := h.op(); op.State != operation.Submitted || op.Attention != nil || op.Error != nil {
		t.Errorf("%s, %+v, %+v", op.State, op.Attention, op.Error)
	}
}

// contract C14: the same key is sent again for as long as it takes; attention is raised after the
// agent's own bound.
func TestInFlightForTooLongRaisesAttention(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{answers: []adcp.Response{errorWith("IDEMPOTENCY_IN_FLIGHT", "")}}
	agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour,
		InFlightMax: time.Minute}
	h := newHarness(t, agent)
	h.dispatch()
	if a := h.op().Attention; a != nil {
		t.Fatalf("at once: %+v", a)
	}
	for range 20 {
		if h.dispatch(); h.attention() == operation.OutcomeUnclear {
			break
		}
	}
	passed := h.at.Sub(now)
	if h.attention() != operation.OutcomeUnclear || passed < time.Minute || passed > 3*time.Minute {
		t.Errorf("after %s: %+v", passed, h.op().Attention)
	}
	agent.answers = append(agent.answers, submitted)
	agent.sent = agent.sent[:1]
	if h.dispatch(); h.op().State != operation.Submitted {
		t.Errorf("then %s", h.op().State)
	}
}

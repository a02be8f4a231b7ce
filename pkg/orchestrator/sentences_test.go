package orchestrator_test

import (
	"encoding/json"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// spoofed is a code in which a seller tries to speak to operators.
const spoofed = "<img src=x onerror=alert(1)>\u202epay +1-900 first"

// wantOwnWords checks that timeline and attention say what happened in our words only.
func (h *harness) wantOwnWords() {
	h.t.Helper()
	record, err := h.store.Load(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	shown, err := json.Marshal([]any{record.Events, record.Op.Attention})
	if err != nil {
		h.t.Fatal(err)
	}
	if strings.Contains(string(shown), "pay +1") || !strings.Contains(string(shown), "an unreadable code") {
		h.t.Errorf("shown %s", shown)
	}
}

// contract L13, L14: a code of an agent stands in our sentences only if it has the form of a code.
func TestSellerWritesNoSentencesInOurName(t *testing.T) {
	t.Parallel()
	transient := adcp.Response{Err: &adcp.Error{Code: spoofed, Recovery: adcp.Transient}}
	t.Run("an answer to the call, again and again", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{transient}})
		for range 6 {
			h.dispatch()
		}
		if h.attention() != operation.OutcomeUnclear {
			t.Errorf("attention %s", h.attention())
		}
		h.wantOwnWords()
	})
	t.Run("an answer to polls", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted, errorWith(spoofed, "")}})
		h.dispatch()
		for range 6 {
			h.poll()
		}
		h.wantOwnWords()
	})
	t.Run("an answer to an input", func(t *testing.T) {
		t.Parallel()
		h := inputHarness(t, errorWith(spoofed, ""))
		h.mustSendInput(approval)
		h.dispatch()
		h.wantOwnWords()
	})
	t.Run("an end", func(t *testing.T) {
		t.Parallel()
		profile := registry.Profile{Tasks: []string{"get_products"}}
		final := adcp.Response{Err: &adcp.Error{Code: spoofed, Recovery: adcp.Terminal}}
		h := newHarnessWith(t, &fakeAgent{profile: profile, answers: []adcp.Response{final}},
			`{"agent_id":"seller","type":"get_products","request":{"buying_mode":"brief","brief":"shoes"}}`)
		h.dispatch()
		p := &fakePublisher{}
		if _, err := h.settle(p).Run(t.Context(), "acme", h.id); err != nil {
			t.Fatal(err)
		}
		op := h.op()
		told, err := h.store.Notices("acme", h.id)
		if err != nil || len(told) != 1 || told[0].Type != notice.Failed || told[0].Facts.ErrorCode != "" {
			t.Errorf("%v: told %+v", err, told)
		}
		if op.Error == nil || op.Error.Code != spoofed { // the agent's own member keeps its words
			t.Errorf("kept %+v", op.Error)
		}
	})
}

package orchestrator_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// An input that is not taken is refused with a code, and nothing is stored.
func TestRefusedInputStoresNothing(t *testing.T) {
	t.Parallel()
	another := strings.Replace(approval, `"flight":"a"`, `"flight":"b"`, 1)
	for name, tc := range map[string]struct {
		before func(*harness)
		body   string
		code   orchestrator.InputRefusal
	}{
		"another input was taken (R12)": {
			func(h *harness) { h.mustSendInput(approval) },
			another,
			orchestrator.InputTaken,
		},
		"an input request that never was": {
			func(*harness) {},
			strings.Replace(approval, `"generation": 1`, `"generation": 2`, 1),
			orchestrator.InputSuperseded,
		},
		"an input request that is over (R12)": {
			func(h *harness) {
				h.mustSendInput(approval)
				h.dispatch()
			},
			another,
			orchestrator.InputSuperseded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := inputHarness(t, inputRequired(continuationB))
			tc.before(h)
			before := h.op()
			_, err := h.sendInput(tc.body)
			var refused *orchestrator.InputRefusedError
			if !errors.As(err, &refused) || refused.Code != tc.code || refused.State != before.State ||
				refused.Generation != before.InputRequest.Generation {
				t.Errorf("got %v, %+v", err, refused)
			}
			if after := h.op(); !reflect.DeepEqual(after, before) {
				t.Errorf("stored %+v", after)
			}
		})
	}
}

// contract J4: without a continuation there is no way to send an input.
func TestInputNeedsAContinuation(t *testing.T) {
	t.Parallel()
	answers := []adcp.Response{inputRequired(adcp.Continuation{})}
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: answers})
	var refused *orchestrator.InputRefusedError
	_, err := h.sendInput(approval)
	if !errors.As(err, &refused) || refused.Code != orchestrator.InputNotRequested {
		t.Errorf("before the agent requested input: %v", err)
	}
	h.dispatch()
	_, err = h.sendInput(approval)
	if !errors.As(err, &refused) || refused.Code != orchestrator.InputNotPossible {
		t.Errorf("got %v", err)
	}
	send := orchestrator.SendInput{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	_, err = send.Run(t.Context(), "others", h.id, orchestrator.Input{Generation: 1})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant: %v", err)
	}
}

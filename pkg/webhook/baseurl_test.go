package webhook_test

import "testing"

// An agent signs the address that its request gave it. The orchestrator may have another one since.
func TestReceiverVerifiesTheAddressThatTheAgentGot(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		h.BaseURL = "https://new.example"
		got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
		if got.Status != 200 || got.Code != "advanced" {
			t.Errorf("got %+v", got)
		}
	})
}

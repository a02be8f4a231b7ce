package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// A client that waits for an operation is answered when it changes, and finds it by its names and
// by its state.
func TestOperationsAreWaitedForAndFound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	op := h.buy(t, map[string]any{"delay_ms": 1500})
	path, version := "/v1/operations/"+op.ID, op.Version
	for !op.State.Terminal() {
		resp, body, err := h.Do(t.Context(), http.MethodGet, path+"?wait=20",
			map[string]string{"If-None-Match": fmt.Sprintf(`"%d"`, op.Version)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusNotModified && len(body) == 0 {
			continue
		}
		if err := h.Read(t.Context(), path, &op); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s, %v", resp.Status, body, err)
		}
	}
	if op = h.waitSettled(t, op.ID); op.Version <= version {
		t.Errorf("version %d after %d", op.Version, version)
	}
	for _, query := range []string{
		"q=" + url.QueryEscape(op.PONumber), "po_number=" + url.QueryEscape(op.PONumber), "q=" + op.ID,
		"state=ended", "state=completed&agent_id=seller", "type=create_media_buy&limit=1",
	} {
		var page struct{ Items []httpapi.Operation }
		deadline := time.Now().Add(20 * time.Second) // the index lags
		for len(page.Items) == 0 && time.Now().Before(deadline) {
			if err := h.Read(t.Context(), "/v1/operations?"+query, &page); err != nil {
				t.Fatal(err)
			}
		}
		if len(page.Items) != 1 || page.Items[0].ID != op.ID || page.Items[0].State != operation.Completed {
			t.Errorf("%s: %+v", query, page.Items)
		}
	}
	var counts struct{ Ended struct{ Count int } }
	if err := h.Read(t.Context(), "/v1/operations/counts", &counts); err != nil || counts.Ended.Count != 1 {
		t.Errorf("counts %+v, %v", counts, err)
	}
	resp, text, err := h.Do(t.Context(), http.MethodGet, path, map[string]string{"Accept": "text/plain"}, nil)
	if err != nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") ||
		!strings.Contains(string(text), "→ completed") {
		t.Errorf("%s %s, %v", resp.Status, text, err)
	}
	for _, part := range []string{"/events", "/request", "/result"} {
		var object map[string]any
		if err := h.Read(t.Context(), path+part, &object); err != nil || len(object) == 0 {
			t.Errorf("%s: %v, %v", part, object, err)
		}
	}
}

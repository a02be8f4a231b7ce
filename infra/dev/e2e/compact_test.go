package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/operation"
)

// The life cycle of AdCP 3.2 at a seller on PyPI's SDK, which checks each request and each answer
// of its own against the official schemas: products are bought and a proposal is accepted, once
// each; the buy is paused and canceled; and a read shows that it is.
func TestCompactLifeCycle(t *testing.T) {
	t.Parallel()
	s := pypiSeller(t, env(t, "SENDERS_PYTHON"), "3.2", nil)
	for _, transport := range []string{"mcp", "a2a"} {
		for _, mode := range []operation.WebhookMode{operation.WebhookRFC9421, operation.WebhookNone} {
			t.Run(transport+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				c := matrixCell{transport: transport, mode: mode}
				h := newHarness(t, pollSeconds(c))
				s.register(t, h, "compact", c)
				b := compactBuyer{h, s, t}

				bought := b.run("buy_products", map[string]any{
					"brand":        map[string]any{"domain": "acme.example"},
					"feed_version": "feed_1",
					"purchases":    []any{map[string]any{"product_id": "prod_1", "pricing_option_id": "po_cpm", "budget": 1000}},
					"start_time":   "2027-04-01T00:00:00Z", "end_time": "2027-06-30T23:59:59Z",
				})
				var proposal struct {
					ID     string `json:"proposal_id"`
					Digest string `json:"terms_digest"`
				}
				getJSON(t, strings.TrimSuffix(s.brand, "/brand.json")+"/proposal", nil, &proposal)
				accepted := b.run("accept_proposal", map[string]any{
					"proposal_id": proposal.ID, "proposal_terms_digest": proposal.Digest,
				})
				if bought == accepted || bought == "" || accepted == "" {
					t.Errorf("bought %q, accepted %q", bought, accepted)
				}
				b.run("control_media_buy", map[string]any{"media_buy_id": bought, "revision": 1, "paused": true})
				b.run("control_media_buy", map[string]any{"media_buy_id": bought, "revision": 2, "canceled": true})
				if got := b.status(bought); got != "canceled" {
					t.Errorf("the buy is %q, want canceled", got)
				}
				if got := b.status(accepted); got != "active" {
					t.Errorf("the other buy is %q, want active", got)
				}
			})
		}
	}
}

// compactBuyer runs operations at a seller, one after the other.
type compactBuyer struct {
	*harness
	seller realSeller
	t      *testing.T
}

// run submits an operation, waits for its end and returns the media buy that it names. The
// purchase order is made for it. Nobody is asked to look.
func (b compactBuyer) run(task string, request map[string]any) string {
	b.t.Helper()
	request = maps.Clone(request)
	request["account"] = map[string]any{"account_id": "acct_a"}
	request["ext"] = map[string]any{"adcp_demo": map[string]any{"delay_ms": 1000}}
	po := ""
	if task != "control_media_buy" {
		po = "PO-" + uuid.NewString()
		request["purchase_order_ref"] = po
	}
	submitted, _, err := b.Submit(b.t.Context(), uuid.NewString(), "compact", task, request)
	if err != nil {
		b.t.Fatal(err)
	}
	op := b.waitSettled(b.t, submitted.ID)
	if op.State != operation.Completed || op.Attempts.Calls != 1 {
		b.t.Errorf("%s: %s after %d calls, error %+v\n%s", task, op.State, op.Attempts.Calls, op.AgentError, timeline(op))
	}
	for _, e := range op.Events {
		if e.Kind == operation.EventAttention {
			b.t.Errorf("%s: attention %s\n%s", task, e.Detail, timeline(op))
		}
	}
	id := mediaBuyID(op.Result)
	if po != "" {
		if ids := b.seller.bought(b.t, map[string]any{"po_number": po}); len(ids) != 1 || ids[0] != id {
			b.t.Errorf("%s: the seller sold %v, the result names %q", task, ids, id)
		}
	}
	return id
}

// status reads a buy's status at the seller.
func (b compactBuyer) status(id string) string {
	b.t.Helper()
	path := "/v1/agents/compact/read/get_media_buys"
	resp, body, err := b.Do(b.t.Context(), http.MethodPost, path, nil,
		map[string]any{"account": map[string]any{"account_id": "acct_a"}, "media_buy_ids": []string{id}})
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%v: %v: %s", err, resp, body)
	}
	var got struct {
		Result struct {
			Buys []struct {
				ID     string `json:"media_buy_id"`
				Status string `json:"status"`
			} `json:"media_buys"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		b.t.Fatal(err)
	}
	for _, buy := range got.Result.Buys {
		if buy.ID == id {
			return buy.Status
		}
	}
	b.t.Fatalf("%s is not in %s", id, body)
	return ""
}

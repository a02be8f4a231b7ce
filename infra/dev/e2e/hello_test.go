package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/operation"
)

// esbuild compiles the TypeScript example of the npm package to JavaScript. Node can do that itself
// from 22.18 on, but the stack requires no more than Node 18.
const esbuild = "github.com/evanw/esbuild/cmd/esbuild@v0.25.12"

// Both stand in the npm package: the key and the network of the example's ad server.
var adServerHeader = http.Header{
	"Authorization":  {"Bearer mock_sales_guaranteed_key_do_not_use_in_prod"},
	"X-Network-Code": {"net_acmeoutdoor"},
}

// helloSeller is the npm package's example of a guaranteed seller. It speaks MCP only, sends no
// webhooks and refuses push URLs on loopback. By its source it refuses terms at once, fails over a
// package without a product after it has accepted the request, and answers a sandbox account at
// once.
func helloSeller(t *testing.T) realSeller {
	t.Helper()
	port, adServerPort, token := freePort(t), freePort(t), uuid.NewString()
	startHelloSeller(t, port, adServerPort, token)
	return realSeller{
		name:   "npm's guaranteed example",
		token:  token,
		urls:   map[string]string{"mcp": "http://127.0.0.1:" + port + "/mcp"},
		cells:  helloCells(),
		bought: ordersWithLineItems("http://127.0.0.1:" + adServerPort + "/v1/orders"),
	}
}

func startHelloSeller(t *testing.T, port, adServerPort, token string) {
	t.Helper()
	npm := env(t, "NPM_PACKAGES")
	example := filepath.Join(t.TempDir(), "example.cjs")
	source := filepath.Join(npm, "node_modules/@adcp/sdk/examples/hello_seller_adapter_guaranteed.ts")
	//nolint:gosec // a tool of a fixed version
	build := exec.CommandContext(t.Context(), "go", "run", esbuild, "--format=cjs", "--platform=node",
		"--log-level=warning", "--outfile="+example, source)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("esbuild: %v\n%s", err, out)
	}
	c := exec.CommandContext(t.Context(), env(t, "NODE"), "../../local/sellers/hello.mjs")
	c.Env = append(os.Environ(), "ADCP_LOCAL_NPM="+npm, "PORT="+port, "UPSTREAM_PORT="+adServerPort, "TOKEN="+token,
		"EXAMPLE="+example)
	startSeller(t, c, port)
}

func helloCells() (cells []matrixCell) {
	budget := int64(50_000) // another one for each buy: the ad server shows no other member of the request again
	add := func(outcome string, state operation.State, by operation.Channel, change func(account, pkg map[string]any)) {
		account := map[string]any{
			"brand":    map[string]any{"domain": "acmeoutdoor.example"},
			"operator": "pinnacle-agency.example",
		}
		pkg := map[string]any{
			"product_id":        "acme_dooh_billboards_q2",
			"budget":            budget,
			"pricing_option_id": "cpm_guaranteed_fixed",
		}
		budget++
		change(account, pkg)
		request := newBuy(nil)
		delete(request, "ext")
		request["account"], request["brand"], request["packages"] = account, account["brand"], []any{pkg}
		c := matrixCell{
			transport: "mcp",
			mode:      operation.WebhookNone,
			outcome:   outcome,
			request:   request,
			states:    []operation.State{state},
			by:        by,
		}
		if state == operation.Completed {
			c.buys = 1
		}
		cells = append(cells, c)
	}
	add("completed", operation.Completed, operation.ByPoll, func(_, _ map[string]any) {})
	add("failed", operation.Failed, operation.ByPoll, func(_, pkg map[string]any) { pkg["product_id"] = "" })
	add("rejected", operation.Failed, operation.ByAnswer, func(_, pkg map[string]any) {
		pkg["measurement_terms"] = map[string]any{"viewability_threshold": 0.99}
	})
	add("sync", operation.Completed, operation.ByAnswer, func(account, _ map[string]any) { account["sandbox"] = true })
	return cells
}

// ordersWithLineItems returns a function that finds a request's orders at the example's ad server.
// An order without line items delivers nothing: the example leaves it behind when it fails.
func ordersWithLineItems(url string) func(t *testing.T, request map[string]any) []string {
	return func(t *testing.T, request map[string]any) (ids []string) {
		t.Helper()
		budget := request["packages"].([]any)[0].(map[string]any)["budget"]
		var list struct {
			Orders []struct {
				ID     string `json:"order_id"`
				Budget int64  `json:"budget"`
			} `json:"orders"`
		}
		getJSON(t, url, adServerHeader, &list)
		for _, o := range list.Orders {
			if o.Budget != budget {
				continue
			}
			var items struct {
				Items []struct{} `json:"line_items"`
			}
			getJSON(t, url+"/"+o.ID+"/lineitems", adServerHeader, &items)
			if len(items.Items) > 0 {
				ids = append(ids, o.ID)
			}
		}
		return ids
	}
}

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// esbuild makes JavaScript of the npm package's TypeScript example. Node does that itself from 22.18 on, which is not asked for elsewhere.
const esbuild = "github.com/evanw/esbuild/cmd/esbuild@v0.25.12"

// foreign is a seller that somebody else wrote, running.
type foreign struct {
	name, token, brand string
	urls               map[string]string // by transport
	cells              []cell
	// sold lists the media buys that the seller made of an order.
	sold func(t *testing.T, order map[string]any) []string
}

// cell is one purchase: how it shall go, and how it has to end.
type cell struct {
	transport string
	mode      operation.WebhookMode
	outcome   string
	order     map[string]any
	states    []operation.State // any of them
	by        operation.Channel
}

// Each real seller sells and refuses over each transport, and tells of it in each way that it knows.
func TestInteropMatrix(t *testing.T) {
	python := env(t, "SENDERS_PYTHON")
	var m matrix
	t.Cleanup(func() { t.Log("\n" + m.String()) })
	for name, start := range map[string]func(t *testing.T) foreign{
		"npm":   func(t *testing.T) foreign { return demoSeller(t) },
		"pypi":  func(t *testing.T) foreign { return pypiSeller(t, python) },
		"hello": helloSeller,
	} {
		t.Run(name, func(t *testing.T) { // one after the other: two cores have enough of one
			f := start(t)
			for _, c := range f.cells {
				t.Run(strings.Join([]string{c.transport, string(c.mode), c.outcome}, " "), func(t *testing.T) {
					t.Parallel()
					m.add(f.buy(t, c))
				})
			}
		})
	}
}

// buy makes one purchase, judges it and returns its line of the matrix.
func (f foreign) buy(t *testing.T, c cell) []string {
	t.Helper()
	line := func(more ...any) []string {
		cols := []string{f.name, c.transport, string(c.mode), c.outcome}
		for _, v := range more {
			cols = append(cols, fmt.Sprint(v))
		}
		return append(cols, make([]string, columns-len(cols))...)
	}
	first := 600 // too far away to be what ends it
	if c.mode == operation.WebhookNone {
		first = 1
	}
	w := enter(t, first)
	secret(t, "adcp/"+w.tenant+"/foreign", f.token)
	err := w.PutAgent(t.Context(), "seller", map[string]any{"url": f.urls[c.transport], "transport": c.transport, "credential_ref": "adcp/" + w.tenant + "/foreign",
		"webhook_mode": c.mode, "brand_json_url": f.brand, "poll": map[string]any{"interval_seconds": first}})
	if err != nil {
		t.Error(err)
		return line("not registered")
	}
	op, _, err := w.Submit(t.Context(), uuid.NewString(), "seller", "create_media_buy", c.order)
	if err != nil {
		t.Error(err)
		return line("not submitted")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	op, err = w.Follow(ctx, op.ID, client.Settled, nil)
	if err != nil {
		t.Errorf("%v\n%s", err, timeline(op))
	}
	if !slices.Contains(c.states, op.State) || op.Ended.By != c.by {
		t.Errorf("%s by %s, want %v by %s, error %+v\n%s", op.State, op.Ended.By, c.states, c.by, op.AgentError, timeline(op))
	}
	buys, want := f.sold(t, c.order), 0
	if c.outcome == "completed" || c.outcome == "sync" {
		want = 1
	}
	if len(buys) != want {
		t.Errorf("%d purchases at the seller, want %d", len(buys), want)
	}
	if want == 1 {
		var result struct {
			ID string `json:"media_buy_id"`
		}
		if err := json.Unmarshal(op.Result, &result); err != nil || !slices.Equal(buys, []string{result.ID}) {
			t.Errorf("the seller sold %v, the result is %s", buys, op.Result)
		}
	}
	return line(op.State, op.Ended.By, fmt.Sprintf("%.1f", settledAfter(op).Seconds()), op.Attempts.Polls, op.Attempts.Webhooks, len(buys))
}

func settledAfter(op httpapi.Operation) time.Duration {
	if op.PublishedAt.IsZero() {
		return time.Since(op.CreatedAt)
	}
	return op.PublishedAt.Sub(op.CreatedAt)
}

// matrix is what came of all cells.
type matrix struct {
	mu    sync.Mutex
	lines [][]string
}

func (m *matrix) add(line []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, line)
}

const columns = 10

func (m *matrix) String() string {
	slices.SortFunc(m.lines, slices.Compare)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "seller\ttransport\twebhooks\toutcome\tstate\tended by\tseconds\tpolls\tdelivered\tpurchases")
	for _, line := range m.lines {
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	_ = w.Flush()
	return b.String()
}

// everyWay is the cells of a seller that behaves as ext.adcp_demo says and can do everything.
func everyWay() (cells []cell) {
	for _, transport := range []string{"mcp", "a2a"} {
		for _, mode := range []operation.WebhookMode{operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer, operation.WebhookNone} {
			for outcome, states := range map[string][]operation.State{"completed": {operation.Completed}, "failed": {operation.Failed}, "rejected": {operation.Rejected}} {
				demo := map[string]any{"outcome": outcome, "delay_ms": 1000}
				c := cell{transport: transport, mode: mode, outcome: outcome, states: states, by: operation.ByWebhook, order: client.Buy("PO-"+uuid.NewString(), demo)}
				if mode == operation.WebhookNone {
					demo["delay_ms"] = 4000 // a first poll finds the task unfinished
					c.by = operation.ByPoll
					if outcome == "rejected" {
						c.states = append(c.states, operation.Failed) // sellers say failed by poll of what they say rejected by webhook
					}
				}
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// inLedger finds an order's media buys in a seller's ledger.
func inLedger(at string) func(t *testing.T, order map[string]any) []string {
	return func(t *testing.T, order map[string]any) (ids []string) {
		t.Helper()
		var l ledger
		getJSON(t, at, nil, &l)
		for _, b := range l.Buys {
			if b.PO == order["po_number"] {
				ids = append(ids, b.ID)
			}
		}
		return ids
	}
}

// demoSeller is the one that the stack runs.
func demoSeller(t *testing.T) foreign {
	t.Helper()
	jwks := env(t, "SELLER_JWKS_URL")
	return foreign{name: "npm @adcp/sdk 6.11.0", token: env(t, "SELLER_TOKEN"), brand: strings.TrimSuffix(jwks, "jwks.json") + "brand.json",
		urls: map[string]string{"mcp": env(t, "SELLER_URL"), "a2a": env(t, "SELLER_A2A_URL")}, cells: everyWay(), sold: inLedger(env(t, "SELLER_LEDGER_URL"))}
}

func pypiSeller(t *testing.T, python string) foreign {
	t.Helper()
	port := freePort(t)
	f := foreign{name: "PyPI adcp 9.2.0", token: uuid.NewString(), cells: everyWay()}
	c := exec.CommandContext(t.Context(), python, "../../local/sellers/pypi.py")
	c.Env = append(os.Environ(), "PORT="+port, "TOKEN="+f.token)
	startSeller(t, c, port)
	base := "http://127.0.0.1:" + port
	f.brand, f.urls, f.sold = base+"/brand.json", map[string]string{"mcp": base + "/mcp", "a2a": base + "/"}, inLedger(base+"/ledger")
	return f
}

// helloSeller is the npm package's example of a guaranteed seller. It speaks MCP only, sends no webhooks and refuses push URLs on loopback. What it may
// be brought to do stands in its text: it refuses terms at once, fails over a package without a product after it has accepted the order, and answers a
// sandbox account at once.
func helloSeller(t *testing.T) foreign {
	t.Helper()
	npm := env(t, "NPM_PACKAGES")
	port, upstream := freePort(t), freePort(t)
	example := filepath.Join(t.TempDir(), "example.cjs")
	source := filepath.Join(npm, "node_modules/@adcp/sdk/examples/hello_seller_adapter_guaranteed.ts")
	//nolint:gosec // a tool of a fixed version
	build := exec.CommandContext(t.Context(), "go", "run", esbuild, "--format=cjs", "--platform=node", "--log-level=warning", "--outfile="+example, source)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("esbuild: %v\n%s", err, out)
	}
	f := foreign{name: "npm's guaranteed example", token: uuid.NewString(), urls: map[string]string{"mcp": "http://127.0.0.1:" + port + "/mcp"}}
	c := exec.CommandContext(t.Context(), env(t, "NODE"), "../../local/sellers/hello.mjs")
	c.Env = append(os.Environ(), "ADCP_LOCAL_NPM="+npm, "PORT="+port, "UPSTREAM_PORT="+upstream, "TOKEN="+f.token, "EXAMPLE="+example)
	startSeller(t, c, port)

	var budget atomic.Int64 // the one thing of an order that the ad server shows again
	budget.Store(50_000)
	order := func(change func(account, pkg map[string]any)) map[string]any {
		account := map[string]any{"brand": map[string]any{"domain": "acmeoutdoor.example"}, "operator": "pinnacle-agency.example"}
		pkg := map[string]any{"product_id": "acme_dooh_billboards_q2", "budget": budget.Add(1), "pricing_option_id": "cpm_guaranteed_fixed"}
		change(account, pkg)
		o := client.Buy("PO-"+uuid.NewString(), nil)
		delete(o, "ext")
		o["account"], o["brand"], o["packages"] = account, account["brand"], []any{pkg}
		return o
	}
	add := func(outcome string, state operation.State, by operation.Channel, change func(account, pkg map[string]any)) {
		f.cells = append(f.cells, cell{"mcp", operation.WebhookNone, outcome, order(change), []operation.State{state}, by})
	}
	add("completed", operation.Completed, operation.ByPoll, func(_, _ map[string]any) {})
	add("failed", operation.Failed, operation.ByPoll, func(_, pkg map[string]any) { pkg["product_id"] = "" })
	add("rejected", operation.Failed, operation.ByAnswer, func(_, pkg map[string]any) { pkg["measurement_terms"] = map[string]any{"viewability_threshold": 0.99} })
	add("sync", operation.Completed, operation.ByAnswer, func(account, _ map[string]any) { account["sandbox"] = true })

	f.sold = func(t *testing.T, order map[string]any) (ids []string) {
		t.Helper()
		header := http.Header{"Authorization": {"Bearer mock_sales_guaranteed_key_do_not_use_in_prod"}, "X-Network-Code": {"net_acmeoutdoor"}} // both stand in the package
		base := "http://127.0.0.1:" + upstream + "/v1/orders"
		var list struct {
			Orders []struct {
				ID     string `json:"order_id"`
				Budget int64  `json:"budget"`
			} `json:"orders"`
		}
		getJSON(t, base, header, &list)
		for _, o := range list.Orders {
			if o.Budget != order["packages"].([]any)[0].(map[string]any)["budget"] {
				continue
			}
			var items struct {
				Items []struct{} `json:"line_items"`
			}
			getJSON(t, base+"/"+o.ID+"/lineitems", header, &items)
			if len(items.Items) > 0 { // an order without any delivers nothing: it is what the example leaves behind when it fails
				ids = append(ids, o.ID)
			}
		}
		return ids
	}
	return f
}

// startSeller starts a process and waits until its port takes connections. It ends with the test, and is heard only if the test fails.
func startSeller(t *testing.T, c *exec.Cmd, port string) {
	t.Helper()
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { _ = c.Wait(); close(gone) }()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-gone
		if t.Failed() {
			t.Log(said.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-gone:
			t.Fatalf("%v ended before it listened", c.Args)
		case <-ctx.Done():
			t.Fatalf("%v doesn't listen", c.Args)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	return port
}

func getJSON(t *testing.T, url string, header http.Header, out any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range header {
		r.Header[name] = v
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", url, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}

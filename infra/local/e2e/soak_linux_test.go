package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// trouble is what happens to a soak, by a seed.
type trouble struct {
	mu    sync.Mutex
	rng   *rand.Rand
	kinds map[string]int
}

func (x *trouble) draw(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rng.IntN(n)
}

func (x *trouble) count(kind string, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.kinds[kind] += n
}

// line is a bad line to a seller: of ten calls it loses one before it has arrived, loses the answer of one, and makes one twice.
func (x *trouble) line(t *testing.T, seller string) string {
	t.Helper()
	to, err := url.Parse(seller)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host}) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	carry := func(r *http.Request, body []byte) *recorder {
		record := &recorder{header: http.Header{}, status: http.StatusOK}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(record, r)
		return record
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if !bytes.Contains(body, []byte(`"tools/call"`)) {
			r.Body = io.NopCloser(bytes.NewReader(body))
			proxy.ServeHTTP(w, r)
			return
		}
		switch x.draw(10) {
		case 0:
			x.count("calls lost", 1)
			panic(http.ErrAbortHandler)
		case 1:
			x.count("answers lost", 1)
			carry(r, body)
			panic(http.ErrAbortHandler)
		case 2:
			x.count("calls made twice", 1)
			carry(r, body)
		}
		record := carry(r, body)
		for k, v := range record.header {
			w.Header()[k] = v
		}
		w.WriteHeader(record.status)
		_, _ = w.Write(record.body.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL + to.Path
}

// manner is how the seller behaves for one order: its webhook comes, comes twice, first, late or never.
func (x *trouble) manner() (map[string]any, string) {
	outcomes, webhooks := []string{"completed", "completed", "completed", "failed", "rejected", "sync"}, []string{"normal", "normal", "none", "duplicate", "early", "late"}
	outcome, webhook := outcomes[x.draw(len(outcomes))], webhooks[x.draw(len(webhooks))]
	if outcome == "sync" {
		webhook = "normal"
	}
	x.count("webhooks "+webhook, 1)
	return map[string]any{"outcome": outcome, "webhook": webhook, "delay_ms": 200 + x.draw(3000), "webhook_delay_ms": 4000}, outcome
}

// soaked is one operation of a soak.
type soaked struct {
	op      httpapi.Operation
	outcome string
}

// TestSoak buys through a bad line from a real seller while function processes are killed and executions are stopped. At the end its ledger and ours agree to the
// last operation. SOAK says how many operations, SEED which troubles.
//
// It runs alone: it takes the stack's function processes down.
func TestSoak(t *testing.T) {
	endpoint, seller := env(t, "AWS_ENDPOINT_URL"), env(t, "SELLER_URL")
	n, seed := 12, uint64(1)
	if v, err := strconv.Atoi(os.Getenv("SOAK")); err == nil {
		n = v
	}
	if v, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = v
	}
	began := time.Now()
	x := &trouble{rng: rand.New(rand.NewPCG(seed, 0x50a4)), kinds: map[string]int{}}
	w := enter(t, 2)
	// A credential of ours: the line's address is in nobody's brand.json, so that no signature could be checked.
	err := w.PutAgent(t.Context(), "seller", map[string]any{"url": x.line(t, seller), "credential_ref": "adcp/" + w.tenant + "/seller",
		"webhook_mode": operation.WebhookHMAC, "poll": map[string]any{"first_seconds": 2}})
	if err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	all := map[string]*soaked{}
	var settled atomic.Int64
	storm, calm := context.WithCancel(t.Context())
	var weather sync.WaitGroup
	weather.Go(func() {
		tick := time.NewTicker(700 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-storm.Done():
				return
			case <-tick.C:
			}
			if pids := functions(endpoint); len(pids) > 0 && syscall.Kill(pids[x.draw(len(pids))], syscall.SIGKILL) == nil {
				x.count("function processes killed", 1)
			}
			mu.Lock()
			var open []string
			for id, s := range all {
				if s.op.SettledAt.IsZero() {
					open = append(open, id)
				}
			}
			mu.Unlock()
			if slices.Sort(open); len(open) > 0 && x.draw(2) == 0 && x.stopped(storm, w, open[x.draw(len(open))]) {
				x.count("executions stopped", 1)
			}
		}
	})

	orders := make(chan int)
	go func() {
		defer close(orders)
		for i := range n {
			orders <- i
		}
	}()
	var clients sync.WaitGroup
	for range 24 {
		clients.Go(func() {
			for range orders {
				manner, outcome := x.manner()
				op, err := w.persist(t.Context(), uuid.NewString(), client.Buy("SOAK-"+uuid.NewString(), manner))
				if err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				all[op.ID] = &soaked{op, outcome}
				mu.Unlock()
				if op, err = w.outlast(t.Context(), op.ID, x); err != nil {
					t.Errorf("%v\n%s", err, timeline(op))
				}
				mu.Lock()
				all[op.ID].op = op
				mu.Unlock()
				if done := settled.Add(1); done%50 == 0 {
					t.Logf("%4d of %d after %.0f s", done, n, time.Since(began).Seconds())
				}
			}
		})
	}
	clients.Wait()
	calm()
	weather.Wait()
	agree(t, all, n)
	kinds := []string{fmt.Sprintf("%7d operations, seed %d, %.0f s", len(all), seed, time.Since(began).Seconds())}
	for k, v := range x.kinds {
		kinds = append(kinds, fmt.Sprintf("%7d %s", v, k))
	}
	slices.Sort(kinds[1:])
	t.Log("\n" + strings.Join(kinds, "\n"))
	for _, k := range []string{"function processes killed", "executions stopped", "calls lost", "answers lost", "calls made twice"} {
		if x.kinds[k] == 0 && n >= 40 { // few operations may be spared
			t.Errorf("no %s: nothing was shown of them", k)
		}
	}
}

// stopped stops an operation's first execution, if it runs.
func (x *trouble) stopped(ctx context.Context, w *world, id string) bool {
	arn := strings.Replace(os.Getenv("STATE_MACHINE_ARN"), ":stateMachine:", ":execution:", 1) + ":" + id + "-1"
	if out, err := w.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn}); err != nil || out.Status != "RUNNING" {
		return false
	}
	_, err := w.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn})
	return err == nil
}

// outlast follows an operation to its end. One that shows no sign of it for a while is redriven, as somebody would who does not wait for the sweeper.
func (w *world) outlast(ctx context.Context, id string, x *trouble) (httpapi.Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	for {
		patience, enough := context.WithTimeout(ctx, 8*time.Second)
		op, err := w.Follow(patience, id, client.Settled, nil)
		enough()
		if err == nil || ctx.Err() != nil {
			return op, err
		}
		if resp, _, err := w.Do(ctx, http.MethodPost, "/v1/operations/"+id+"/redrive", nil, nil); err == nil && resp.StatusCode/100 == 2 {
			x.count("redriven", 1)
		}
	}
}

// agree compares the seller's ledger with ours.
func agree(t *testing.T, all map[string]*soaked, n int) {
	t.Helper()
	if len(all) != n {
		t.Errorf("%d operations of %d", len(all), n)
	}
	sold, ours := map[string][]string{}, map[string]bool{}
	for _, b := range readLedger(t).Buys {
		sold[b.PO] = append(sold[b.PO], b.ID)
	}
	for id, s := range all {
		ours[s.op.PONumber] = true
		var result struct {
			ID string `json:"media_buy_id"`
		}
		switch buys := sold[s.op.PONumber]; {
		case s.outcome == "failed" || s.outcome == "rejected":
			if s.op.State != operation.Failed && s.op.State != operation.Rejected || len(buys) != 0 {
				t.Errorf("%s: %s of an order that is %s, sold %v\n%s", id, s.op.State, s.outcome, buys, timeline(s.op))
			}
		case s.op.State != operation.Completed || json.Unmarshal(s.op.Result, &result) != nil || !slices.Equal(buys, []string{result.ID}):
			t.Errorf("%s: %s with %q, sold %v\n%s", id, s.op.State, result.ID, buys, timeline(s.op))
		}
	}
	for po, buys := range sold {
		if strings.HasPrefix(po, "SOAK-") && !ours[po] {
			t.Errorf("%s: sold %v and not ours", po, buys)
		}
	}
}

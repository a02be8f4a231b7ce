package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/operation"
)

// A function's process is killed with SIGKILL right after one of its writes to the table has become
// durable, before it gets the answer: at the first write of one operation, at the second of the
// next, and so on. Every operation completes with one buy.
//
// The test runs alone, because it kills the stack's function processes.
func TestKilledAfterEveryWrite(t *testing.T) {
	k := startKiller(t)
	for name, path := range map[string]struct {
		pollSeconds int
		behavior    map[string]any
		by          operation.Channel
		writes      int // the least that the path has
	}{
		"webhook": {120, map[string]any{"delay_ms": 1500}, operation.ByWebhook, 7},
		"poll":    {2, map[string]any{"delay_ms": 1500, "webhook": "none"}, operation.ByPoll, 5},
	} {
		for n := 1; n <= path.writes; n++ {
			t.Run(fmt.Sprintf("%s, write %d", name, n), func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, path.pollSeconds)
				k.killAt(h.tenant, n)
				op, err := h.submitUntilAnswered(t.Context(), "seller", uuid.NewString(), newBuy(path.behavior))
				if err != nil {
					t.Fatal(err)
				}
				op = h.waitSettled(t, op.ID)
				checkEnded(t, op, operation.Completed, path.by)
				if _, buys := readLedger(t).count(op.PONumber); buys != 1 {
					t.Errorf("%d buys", buys)
				}
				if write := k.killedAfter(h.tenant); write == "" {
					t.Errorf("nothing was killed: the operation has fewer writes\n%s", timeline(op))
				} else {
					t.Logf("killed after %s", write)
				}
			})
		}
	}
}

// killer is a proxy in front of DynamoDB. It kills the process that made a certain write after the
// write succeeded.
type killer struct {
	proxy *httputil.ReverseProxy
	port  int
	mu    sync.Mutex
	// All by tenant: the number of the write to kill at, the writes so far, and the write that the
	// process died of.
	at     map[string]int
	writes map[string]int
	killed map[string]string
}

// startKiller puts the proxy between the functions and their table until the test ends.
func startKiller(t *testing.T) *killer {
	t.Helper()
	endpoint := env(t, "AWS_ENDPOINT_URL")
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{
		proxy:  httputil.NewSingleHostReverseProxy(target),
		port:   l.Addr().(*net.TCPAddr).Port,
		at:     map[string]int{},
		writes: map[string]int{},
		killed: map[string]string{},
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { k.handle(t, w, r) })}
	go func() { _ = server.Serve(l) }()
	file := env(t, "SPAWN_ENV_FILE")
	if err := os.WriteFile(file, fmt.Appendf(nil, "AWS_ENDPOINT_URL_DYNAMODB=http://%s\n", l.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Remove(file)
		killFunctions(endpoint)
		// The server keeps running: a process that was just starting may have read its address from the
		// file.
	})
	killFunctions(endpoint)
	return k
}

func (k *killer) handle(t *testing.T, w http.ResponseWriter, r *http.Request) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	record := newRecordedResponse()
	k.proxy.ServeHTTP(record, r)
	if action := k.countWrite(r, body, record.status); action != "" {
		// One that has given up waiting has closed its connection: it lost the answer without being
		// killed.
		if err := killPeer(r.RemoteAddr, k.port); err != nil && r.Context().Err() == nil {
			t.Errorf("the process of %s was not found: %v", action, err)
		}
	}
	record.writeTo(w)
}

// killAt makes the killer kill at this write of a tenant, from 1.
func (k *killer) killAt(tenant string, write int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at[tenant] = write
}

// killedAfter returns the write after which a tenant's process was killed, "" if none was.
func (k *killer) killedAfter(tenant string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.killed[tenant]
}

// countWrite counts a write that succeeded. It returns the write's name if its process has to be
// killed now, else "".
func (k *killer) countWrite(r *http.Request, body []byte, status int) string {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if status != http.StatusOK || action != "PutItem" && action != "UpdateItem" && action != "TransactWriteItems" {
		return ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for tenant, at := range k.at {
		if !bytes.Contains(body, []byte(`"`+tenant+`#`)) {
			continue
		}
		if k.writes[tenant]++; k.writes[tenant] == at {
			k.killed[tenant] = action + writtenState(body)
			return action
		}
	}
	return ""
}

// writtenState returns " to" and the state that a write stores for an operation, "" if it stores
// none.
func writtenState(body []byte) (text string) {
	for _, state := range operation.States() {
		if bytes.Contains(body, []byte(`"state":{"S":"`+state+`"}`)) {
			text += " to " + string(state)
		}
	}
	return text
}

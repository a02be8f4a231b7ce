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
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/operation"
)

// A function's process is killed with SIGKILL right after each of its writes to the table has become durable, before it hears of it: at the first write
// of one operation, at the second of the next, and so on, until no more are left to be killed at. Every operation ends, with one purchase.
//
// It runs alone: it takes the stack's function processes down.
func TestKilledAfterEveryWrite(t *testing.T) {
	r := reap(t)
	for name, path := range map[string]struct {
		first    int
		behavior map[string]any
		by       operation.Channel
		writes   int // at least
	}{
		"webhook": {120, map[string]any{"delay_ms": 1500}, operation.ByWebhook, 7},
		"poll":    {2, map[string]any{"delay_ms": 1500, "webhook": "none"}, operation.ByPoll, 5},
	} {
		for n := 1; n <= path.writes; n++ {
			t.Run(fmt.Sprintf("%s, write %d", name, n), func(t *testing.T) {
				t.Parallel()
				w := enter(t, path.first)
				r.arm(w.tenant, n)
				op, err := w.persist(t.Context(), "seller", uuid.NewString(), client.Buy("PO-"+uuid.NewString(), path.behavior))
				if err != nil {
					t.Fatal(err)
				}
				op = w.settled(t, op.ID)
				ended(t, op, operation.Completed, path.by)
				if _, buys := readLedger(t).of(op.PONumber); buys != 1 {
					t.Errorf("%d buys", buys)
				}
				if victim := r.victim(w.tenant); victim == "" {
					t.Errorf("nothing was killed: the operation has fewer writes\n%s", timeline(op))
				} else {
					t.Logf("killed after %s", victim)
				}
			})
		}
	}
}

// reaper is a proxy before DynamoDB that kills the process whose write it has just seen succeed.
type reaper struct {
	mu     sync.Mutex
	at     map[string]int // tenant to the number of the write
	seen   map[string]int
	killed map[string]string
	port   int
}

// reap puts the proxy between the functions and their table, for the time of the test.
func reap(t *testing.T) *reaper {
	t.Helper()
	target, err := url.Parse(env(t, "AWS_ENDPOINT_URL"))
	if err != nil {
		t.Fatal(err)
	}
	r := &reaper{at: map[string]int{}, seen: map[string]int{}, killed: map[string]string{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.port = l.Addr().(*net.TCPAddr).Port
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		record := &recorder{header: http.Header{}}
		proxy.ServeHTTP(record, req)
		if action := r.due(req, body, record.status); action != "" {
			if err := kill9(req.RemoteAddr, r.port); err != nil {
				t.Errorf("the process of %s is not to be found: %v", action, err)
			}
		}
		for k, v := range record.header {
			w.Header()[k] = v
		}
		w.WriteHeader(record.status)
		_, _ = w.Write(record.body.Bytes())
	})}
	go func() { _ = server.Serve(l) }()
	file := env(t, "SPAWN_ENV_FILE")
	if err := os.WriteFile(file, fmt.Appendf(nil, "AWS_ENDPOINT_URL_DYNAMODB=http://%s\n", l.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Remove(file)
		killFunctions(target.String())
		// The proxy goes on as long as the tests do: a process that was just starting may have read of it.
	})
	killFunctions(target.String())
	return r
}

func (r *reaper) arm(tenant string, write int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at[tenant] = write
}

func (r *reaper) victim(tenant string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.killed[tenant]
}

// due counts a write that succeeded, and names it if its process has to die.
func (r *reaper) due(req *http.Request, body []byte, status int) string {
	_, action, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	if status != http.StatusOK || action != "PutItem" && action != "UpdateItem" && action != "TransactWriteItems" {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for tenant, at := range r.at {
		if bytes.Contains(body, []byte(`"`+tenant+`#`)) {
			if r.seen[tenant]++; r.seen[tenant] == at {
				r.killed[tenant] = action
				for _, state := range operation.States() {
					if bytes.Contains(body, []byte(`"state":{"S":"`+state+`"}`)) {
						r.killed[tenant] += " to " + string(state)
					}
				}
				return action
			}
		}
	}
	return ""
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// kill9 kills the process at the other end of a loopback connection to our port.
func kill9(remote string, port int) error {
	_, peer, err := net.SplitHostPort(remote)
	if err != nil {
		return err
	}
	peerPort, err := strconv.Atoi(peer)
	if err != nil {
		return err
	}
	inode := ""
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", peerPort)) && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", port)) {
				inode = f[9]
			}
		}
	}
	if inode == "" || inode == "0" {
		return fmt.Errorf("no socket of port %d", peerPort)
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return err
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == "socket:["+inode+"]" {
			pid, err := strconv.Atoi(strings.Split(link, "/")[2])
			if err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("nobody holds socket %s", inode)
}

// killFunctions ends every function process of the stack behind an endpoint: the next invocation starts a new one.
func killFunctions(endpoint string) {
	for _, pid := range functions(endpoint) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// functions are the function processes of the stack behind an endpoint.
func functions(endpoint string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte("AWS_LAMBDA_RUNTIME_API=")) || !bytes.Contains(text, []byte("AWS_ENDPOINT_URL="+endpoint+"\x00")) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

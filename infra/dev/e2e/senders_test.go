package e2e

import (
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/secretsmanager"
	"adcp-orchestrator/pkg/webhook"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// sender is a process that signs and sends webhooks by somebody else's SDK.
type sender struct{ base string }

// startSender starts one of infra/local/senders as the agent of the local stack. It ends with the test.
func startSender(t *testing.T, name string) sender {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	var c *exec.Cmd
	switch name {
	case "npm":
		c = exec.CommandContext(t.Context(), env(t, "NODE"), "../../local/senders/npm.mjs")
		c.Env = append(os.Environ(), "ADCP_LOCAL_NPM="+env(t, "NPM_PACKAGES"))
	case "pypi":
		c = exec.CommandContext(t.Context(), env(t, "SENDERS_PYTHON"), "../../local/senders/pypi.py")
		c.Env = os.Environ()
	}
	c.Env = append(c.Env, "PORT="+port, "AGENT_URL="+env(t, "SELLER_URL"))
	c.Stderr = t.Output()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e struct{ Event, URL string }
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event == "listening" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return sender{"http://127.0.0.1:" + port}
		}
	}
	t.Fatalf("%s did not start: %v", name, lines.Err())
	return sender{}
}

// ask posts to the sender and reads its answer.
func (s sender) ask(t *testing.T, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: HTTP %d %s %v", path, resp.StatusCode, b, err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
}

// task asks a sender to sign or send a webhook.
type task struct {
	URL    string         `json:"url"`
	Body   map[string]any `json:"body"`
	Mode   string         `json:"mode"`
	Secret string         `json:"secret,omitempty"`
}

// signedRequest is what a sender puts on the wire.
type signedRequest struct {
	Method, URL string
	Headers     map[string]string
	Body        []byte
}

// canonicalize gives the header fields their usual names, so that one can be replaced.
func (r *signedRequest) canonicalize() {
	headers := map[string]string{}
	for name, v := range r.Headers {
		headers[http.CanonicalHeaderKey(name)] = v
	}
	r.Headers = headers
}

// waiting makes an operation that waits for a webhook in a mode, at an agent whose keys are a sender's, and says how the sender has to be asked.
func (w *world) waiting(t *testing.T, s sender, mode operation.WebhookMode) (httpapi.Operation, task) {
	t.Helper()
	err := w.PutAgent(t.Context(), "seller", map[string]any{"url": env(t, "SELLER_URL"), "credential_ref": "adcp/" + w.tenant + "/seller",
		"brand_json_url": s.base + "/.well-known/brand.json", "webhook_mode": mode, "poll": map[string]any{"interval_seconds": 600}})
	if err != nil {
		t.Fatal(err)
	}
	op := w.buy(t, map[string]any{"webhook": "none", "delay_ms": 600_000})
	op, err = w.Follow(t.Context(), op.ID, func(op httpapi.Operation) bool { return op.State == operation.Submitted }, nil)
	if err != nil {
		t.Fatal(err)
	}
	request, err := w.store.Request(t.Context(), w.tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Push struct {
			URL         string `json:"url"`
			OperationID string `json:"operation_id"`
			Token       string `json:"token"`
		} `json:"push_notification_config"`
	}
	if err := json.Unmarshal(request, &sent); err != nil {
		t.Fatal(err)
	}
	in := task{URL: sent.Push.URL, Mode: map[operation.WebhookMode]string{operation.WebhookRFC9421: "rfc9421", operation.WebhookHMAC: "hmac", operation.WebhookBearer: "bearer"}[mode],
		Body: map[string]any{"idempotency_key": "whk_" + strings.Repeat("e2e", 6), "operation_id": sent.Push.OperationID, "task_id": op.TaskID,
			"task_type": "create_media_buy", "status": "completed", "timestamp": time.Now().UTC().Format(time.RFC3339), "token": sent.Push.Token,
			"result": map[string]any{"media_buy_id": "mb_of_the_sender", "packages": []any{}}}}
	if mode.Shared() {
		roots, err := secretsmanager.FromConfig(config.AWS("SECRETS_MANAGER"), time.Now).Roots(t.Context(), env(t, "WEBHOOK_SECRET_ARN"))
		if err != nil {
			t.Fatal(err)
		}
		in.Secret = inbox.WebhookCredential(roots[0], w.tenant, op.ID)
	}
	return op, in
}

// Deliveries of senders that somebody else wrote are accepted, each in the mode that its registration asks for; and not one whose bits were changed on the
// way, whichever they are.
func TestRealSenders(t *testing.T) {
	for _, name := range []string{"npm", "pypi"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSender(t, name)
			for _, tc := range []struct {
				mode operation.WebhookMode
				as   string // the sender's name of the mode, if it is not the usual one
			}{{operation.WebhookRFC9421, ""}, {operation.WebhookRFC9421, "rfc9421-es256"}, {operation.WebhookHMAC, ""}, {operation.WebhookBearer, ""}} {
				t.Run(string(tc.mode)+tc.as, func(t *testing.T) {
					w := enter(t, 600)
					op, in := w.waiting(t, s, tc.mode)
					if tc.as != "" {
						in.Mode = tc.as
					}
					var signed signedRequest
					s.ask(t, "/sign", in, &signed)
					signed.canonicalize()
					refused := forgeries(t, tc.mode, signed)
					var sent struct {
						Status   int
						Attempts int
					}
					s.ask(t, "/send", in, &sent)
					if sent.Status != http.StatusOK {
						t.Errorf("the real one: %+v", sent)
					}
					op = w.settled(t, op.ID)
					ended(t, op, operation.Completed, operation.ByWebhook)
					if !strings.Contains(string(op.Result), "mb_of_the_sender") || op.Attempts.Webhooks != 1 {
						t.Errorf("result %s after %d webhooks", op.Result, op.Attempts.Webhooks)
					}
					s.ask(t, "/send", in, &sent) // signed anew: contract F79
					if sent.Status != http.StatusOK {
						t.Errorf("the same again: %+v", sent)
					}
					t.Logf("accepted and repeated; %d forgeries refused", refused)
				})
			}
		})
	}
}

// forgeries sends a signed request with single bits changed, here and there in everything that the mode protects. None may be accepted.
func forgeries(t *testing.T, mode operation.WebhookMode, r signedRequest) int {
	t.Helper()
	n := 0
	send := func(what string, change func(*signedRequest)) {
		forged := r
		forged.Headers = maps.Clone(r.Headers)
		forged.Body = slices.Clone(r.Body)
		change(&forged)
		if status := post(t, forged); status < 400 || status >= 500 {
			t.Errorf("%s: HTTP %d", what, status)
		}
		n++
	}
	flip := func(s string, i int) string {
		b := []byte(s)
		b[i%len(b)] ^= 1 << (i % 7)
		return string(b)
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if mode != operation.WebhookBearer { // a token says nothing of the body
			send("body", func(f *signedRequest) { f.Body = []byte(flip(string(f.Body), i*len(f.Body)/8+i)) })
		}
		last := strings.LastIndex(u.Path, "/") + 1
		send("path", func(f *signedRequest) {
			f.URL = u.Scheme + "://" + u.Host + u.Path[:last] + flip(u.Path[last:], i*(len(u.Path)-last)/8+i)
		})
	}
	covered := []string{"Content-Type", "Content-Digest", "Signature-Input", "Signature"}
	switch mode {
	case operation.WebhookRFC9421:
		send("query", func(f *signedRequest) { f.URL += "?a=1" })
		send("host", func(f *signedRequest) { f.Headers["Host"] = "other.example" })
	case operation.WebhookHMAC:
		covered = []string{webhook.HeaderSignature, webhook.HeaderTimestamp}
	default:
		covered = []string{"Authorization"}
	}
	for name, value := range r.Headers {
		if slices.Contains(covered, name) {
			for i := range 4 {
				at := (i+1)*len(value)/5 + i
				send(name, func(f *signedRequest) { f.Headers[name] = flip(value, at) })
			}
			send("without "+name, func(f *signedRequest) { delete(f.Headers, name) })
		}
	}
	return n
}

// post writes a request byte for byte: Go's client would mend or refuse what is wrong in it. A connection that ends without an answer counts as 400.
func post(t *testing.T, r signedRequest) int {
	t.Helper()
	u := r.URL[len("http://"):]
	host, path, _ := strings.Cut(u, "/")
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "%s /%s HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n", r.Method, path, len(r.Body))
	headers := map[string]string{"Host": host}
	maps.Copy(headers, r.Headers)
	for _, own := range []string{"Content-Length", "Connection", "Transfer-Encoding"} {
		delete(headers, own)
	}
	for name, v := range headers {
		fmt.Fprintf(&raw, "%s: %s\r\n", name, v)
	}
	raw.WriteString("\r\n")
	raw.Write(r.Body)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := conn.Write(raw.Bytes()); err != nil {
		return http.StatusBadRequest
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return http.StatusBadRequest
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// What was refused and kept is listed.
func TestQuarantineIsListed(t *testing.T) {
	t.Parallel()
	w := enter(t, 2)
	op := w.settled(t, w.buy(t, map[string]any{"webhook": "wrong_key", "delay_ms": 700}).ID)
	ended(t, op, operation.Completed, operation.ByPoll) // the forged webhook was not believed
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		page, err := w.Quarantine(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			continue // it may still be on its way
		}
		q := page[0]
		if q.Operation != op.ID || q.Authentic || q.Code != "webhook_signature_invalid" || q.Agent != "seller" {
			t.Errorf("quarantined %+v", q)
		}
		return
	}
}

// The demo seller's keys, as they were found through its brand.json.
func TestKeysAreShown(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	op := w.settled(t, w.buy(t, map[string]any{"delay_ms": 700}).ID)
	ended(t, op, operation.Completed, operation.ByWebhook)
	var keys map[string]any
	if err := w.Read(t.Context(), "/v1/agents/seller/keys", &keys); err != nil {
		t.Fatal(err)
	}
	if keys["jwks_uri"] != env(t, "SELLER_JWKS_URL") {
		t.Errorf("keys are %v", keys)
	}
}

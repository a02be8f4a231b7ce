package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/secretsmanager"
)

// sender is a process of infra/local/senders, which signs and sends webhooks with the SDK from npm
// or PyPI.
type sender struct{ base string }

// startSender starts a sender as the agent of the local stack. It ends with the test.
func startSender(t *testing.T, name string) sender {
	t.Helper()
	port := freePort(t)
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

// post calls the sender and decodes its answer into out.
func (s sender) post(t *testing.T, path string, in, out any) {
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

// sent is a sender's answer to /send: the status that its webhook got in the end, after so many
// attempts.
type sent struct {
	Status   int
	Attempts int
}

// webhookTask makes a sender sign or send a webhook.
type webhookTask struct {
	URL    string         `json:"url"`
	Body   map[string]any `json:"body"`
	Mode   string         `json:"mode"`
	Secret string         `json:"secret,omitempty"`
}

// senderModes are the senders' names of the modes.
var senderModes = map[operation.WebhookMode]string{
	operation.WebhookRFC9421: "rfc9421",
	operation.WebhookHMAC:    "hmac",
	operation.WebhookBearer:  "bearer",
}

// buyAndAwaitWebhook makes an operation that waits for a webhook in this mode, from an agent whose
// keys are the sender's. It returns the operation and the task that makes the sender complete it.
func (h *harness) buyAndAwaitWebhook(t *testing.T, s sender, mode operation.WebhookMode) (
	httpapi.Operation, webhookTask) {
	t.Helper()
	err := h.PutAgent(t.Context(), "seller", map[string]any{
		"url":            env(t, "SELLER_URL"),
		"credential_ref": h.secretName("seller"),
		"brand_json_url": s.base + "/.well-known/brand.json",
		"webhook_mode":   mode,
		"poll":           map[string]any{"interval_seconds": 600},
	})
	if err != nil {
		t.Fatal(err)
	}
	op := h.buy(t, map[string]any{"webhook": "none", "delay_ms": 600_000})
	op, err = h.Follow(t.Context(), op.ID, isSubmitted, nil)
	if err != nil {
		t.Fatal(err)
	}
	request, err := h.store.Request(t.Context(), h.tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	var frozen struct {
		Push struct {
			URL         string `json:"url"`
			OperationID string `json:"operation_id"`
			Token       string `json:"token"`
		} `json:"push_notification_config"`
	}
	if err := json.Unmarshal(request, &frozen); err != nil {
		t.Fatal(err)
	}
	task := webhookTask{URL: frozen.Push.URL, Mode: senderModes[mode], Body: map[string]any{
		"idempotency_key": "whk_" + strings.Repeat("e2e", 6),
		"operation_id":    frozen.Push.OperationID,
		"task_id":         op.TaskID,
		"task_type":       "create_media_buy",
		"status":          "completed",
		"timestamp":       time.Now().UTC().Format(time.RFC3339),
		"token":           frozen.Push.Token,
		"result":          map[string]any{"media_buy_id": "mb_of_the_sender", "packages": []any{}},
	}}
	if mode.Shared() {
		secrets := secretsmanager.FromConfig(config.AWS("SECRETS_MANAGER"), time.Now)
		roots, err := secrets.Roots(t.Context(), env(t, "WEBHOOK_SECRET_ARN"))
		if err != nil {
			t.Fatal(err)
		}
		task.Secret = inbox.WebhookCredential(roots[0], h.tenant, op.ID)
	}
	return op, task
}

// Webhooks of the SDKs on npm and PyPI are accepted in each mode. No delivery is accepted in which
// any bit that the mode protects was changed on the way.
func TestRealSenders(t *testing.T) {
	for _, name := range []string{"npm", "pypi"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSender(t, name)
			for _, tc := range []struct {
				mode       operation.WebhookMode
				senderMode string // if it is not the mode's usual one
			}{
				{operation.WebhookRFC9421, ""},
				{operation.WebhookRFC9421, "rfc9421-es256"},
				{operation.WebhookHMAC, ""},
				{operation.WebhookBearer, ""},
			} {
				t.Run(string(tc.mode)+tc.senderMode, func(t *testing.T) {
					h := newHarness(t, 600)
					op, task := h.buyAndAwaitWebhook(t, s, tc.mode)
					if tc.senderMode != "" {
						task.Mode = tc.senderMode
					}
					var signed signedRequest
					s.post(t, "/sign", task, &signed)
					signed.canonicalizeHeaders()
					forgeries := sendForgeries(t, tc.mode, signed)
					var reply sent
					s.post(t, "/send", task, &reply)
					if reply.Status != http.StatusOK {
						t.Errorf("the genuine delivery: %+v", reply)
					}
					op = h.waitSettled(t, op.ID)
					checkEnded(t, op, operation.Completed, operation.ByWebhook)
					if !strings.Contains(string(op.Result), "mb_of_the_sender") || op.Attempts.Webhooks != 1 {
						t.Errorf("result %s after %d webhooks", op.Result, op.Attempts.Webhooks)
					}
					s.post(t, "/send", task, &reply) // a repetition with a new signature (contract F79)
					if reply.Status != http.StatusOK {
						t.Errorf("the repetition: %+v", reply)
					}
					t.Logf("accepted and repeated; %d forgeries refused", forgeries)
				})
			}
		})
	}
}

package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
)

const echoToken = "sk_live_SECRET_0123456789"

const echoArguments = `{"idempotency_key":"0b8f7f64-5717-4562-b3fc-2c963f66afa6","push_notification_config":{` +
	`"url":"https://api.example/v1/webhooks/acme.sender.op_1.callback-secret-1","operation_id":"op_1",` +
	`"token":"push-token-1","authentication":{"schemes":["Bearer"],"credentials":"webhook-credential-1"}}}`

// echoed are the secrets of a call with echoArguments.
var echoed = []string{echoToken, "0b8f7f64-5717-4562-b3fc-2c963f66afa6", "push-token-1", "webhook-credential-1",
	"callback-secret-1"}

// echoClient is a client whose credential is echoToken.
func echoClient(t *testing.T) *Client {
	t.Helper()
	c := New(Options{Secrets: secrets{credential: echoToken}, HTTP: safehttp.Options{AllowLoopback: true}})
	t.Cleanup((&http.Client{Transport: c.base}).CloseIdleConnections)
	return c
}

// wantNoSecrets checks that no text shows a secret of the call, nor the start of one.
func wantNoSecrets(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, secret := range echoed {
			if strings.Contains(text, secret[:8]) {
				t.Errorf("shows %s: %s", secret, text)
			}
		}
	}
}

// Quoting what was refused is common practice of servers (contract C20, L5, L12).
func TestSecretsThatTheAgentEchoesComeBackFromNoCall(t *testing.T) {
	t.Parallel()
	all := strings.Join(echoed, ", ")
	for name, result := range map[string]string{
		"a result": `{"structuredContent":{"status":"completed","media_buy_id":"mb_1","packages":[],"echo":` +
			echoArguments + `,"you":"Bearer ` + echoToken + `"}}`,
		"an AdCP error": `{"isError":true,"structuredContent":{"adcp_error":{"code":"IDEMPOTENCY_CONFLICT",` +
			`"message":"` + all + `","field":"` + all + `","suggestion":"` + all + `","details":` + echoArguments + `}}}`,
		"a refusal": `{"structuredContent":{"status":"rejected",` +
			`"errors":[{"code":"X","message":"` + all + `"}]}}`,
		"a question":            `{"structuredContent":{"status":"input-required","message":"` + all + `"}}`,
		"a text without answer": `{"isError":true,"content":[{"type":"text","text":"` + all + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{result: toolResult(result)}).start(t)
			r, err := echoClient(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(echoArguments))
			shown, marshalErr := json.Marshal(r.Err)
			if marshalErr != nil {
				t.Fatal(marshalErr)
			}
			wantNoSecrets(t, string(r.Payload), string(shown), fmt.Sprint(err))
			if name == "a result" && !strings.Contains(string(r.Payload), `"media_buy_id":"mb_1"`) {
				t.Errorf("lost: %s", r.Payload)
			}
			if sent := s.received(http.MethodPost, "tools/call"); len(sent) != 1 || arguments(t, sent[0]) != echoArguments {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}

func TestSecretsInErrorsOfTheTransportAreNotLogged(t *testing.T) {
	t.Parallel()
	for _, filling := range []int{0, 150, 170, 180, 185, 190} { // the text is cut short at 200 bytes
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"%sunknown token %s"}}`,
			strings.Repeat("x", filling), echoToken)
		s := (&seller{
			result: toolResult(`{}`),
			fault: func(w http.ResponseWriter, _ *http.Request, m message) bool {
				if m.Method != "tools/call" && m.Method != "initialize" || m.Method == "initialize" && filling == 0 {
					return false
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(w, body)
				return true
			},
		}).start(t)
		c := echoClient(t)
		_, err := c.Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(echoArguments))
		_, discoverErr := c.Discover(t.Context(), s.agent())
		if err == nil || filling > 0 && discoverErr == nil {
			t.Fatalf("got %v, %v", err, discoverErr)
		}
		wantNoSecrets(t, err.Error(), fmt.Sprint(discoverErr))
	}
}

func TestSecretsOfTheOperationAreRedactedInAPoll(t *testing.T) {
	t.Parallel()
	s := (&seller{result: toolResult(`{"structuredContent":{"status":"completed","task_id":"t","result":{"echo":` +
		echoArguments + `}}}`)}).start(t)
	a := s.agent()
	a.Secrets = adcp.SecretsOf(json.RawMessage(echoArguments))
	r, err := echoClient(t).Call(t.Context(), a, "get_task_status", json.RawMessage(`{"task_id":"t"}`))
	if err != nil {
		t.Fatal(err)
	}
	wantNoSecrets(t, string(r.Payload), fmt.Sprintf("%+v", a), fmt.Sprintf("%#v", registry.Agent{Secrets: a.Secrets}))
}

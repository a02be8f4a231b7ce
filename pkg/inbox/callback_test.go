package inbox_test

import (
	"strings"
	"testing"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
)

func TestCallbackToken(t *testing.T) {
	t.Parallel()
	token := inbox.CallbackToken{
		Tenant:      "acme",
		Sender:      strings.Repeat("b", 16),
		OperationID: "op_" + strings.Repeat("a", 26),
		Secret:      strings.Repeat("S", 43),
	}
	form := token.String()
	got, ok := inbox.ParseCallbackToken(form)
	if !ok || got != token {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, bad := range []string{
		"",
		"a.b.c",
		form + "x",
		"Acme" + form[4:],
		"acme." + form,
		strings.Replace(form, ".", "/", 1),
	} {
		if _, ok := inbox.ParseCallbackToken(bad); ok {
			t.Errorf("%q was accepted", bad)
		}
	}
	if token.Matches(operation.Operation{}) {
		t.Error("a token matches an operation without a webhook")
	}
}

func TestWebhookCredentialsDiffer(t *testing.T) {
	t.Parallel()
	credential := inbox.WebhookCredential("root", "acme", "op_1")
	if len(credential) != 43 {
		t.Errorf("got %d characters", len(credential))
	}
	for _, other := range []string{
		inbox.WebhookCredential("root", "acme", "op_2"),
		inbox.WebhookCredential("root", "acm", "eop_1"),
		inbox.WebhookCredential("toor", "acme", "op_1"),
	} {
		if credential == other {
			t.Error("two operations share a credential")
		}
	}
}

package inbox_test

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"strings"
	"testing"
)

func TestRoute(t *testing.T) {
	t.Parallel()
	r := inbox.CallbackToken{Tenant: "acme", Sender: strings.Repeat("b", 16), OperationID: "op_" + strings.Repeat("a", 26), Secret: strings.Repeat("S", 43)}
	got, ok := inbox.ParseCallbackToken(r.String())
	if !ok || got != r {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, bad := range []string{"", "a.b.c", r.String() + "x", "Acme" + r.String()[4:], "acme." + r.String(), strings.Replace(r.String(), ".", "/", 1)} {
		if _, ok := inbox.ParseCallbackToken(bad); ok {
			t.Errorf("%q is a route", bad)
		}
	}
	if r.Matches(operation.Operation{}) {
		t.Error("a route opens a registration that has none")
	}
	a := inbox.WebhookCredential("root", "acme", "op_1")
	if len(a) != 43 || a == inbox.WebhookCredential("root", "acme", "op_2") || a == inbox.WebhookCredential("root", "acm", "eop_1") || a == inbox.WebhookCredential("toor", "acme", "op_1") {
		t.Error("credentials repeat")
	}
}

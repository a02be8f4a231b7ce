package main

import (
	"strings"
	"testing"
)

// TestConformTranscript tries sellers in this process: one that is as AdCP has it, one that is
// careless, one that wants a token, and one that is down.
func TestConformTranscript(t *testing.T) {
	t.Parallel()
	good, careless := newSeller(t, &seller{}), newSeller(t, &seller{careless: true})
	closed, down := newSeller(t, &seller{token: "s3cret-token"}), newSeller(t, &seller{})
	down.Close()
	c := newCLI(t, newServer(t))
	c.env = append(c.env, "SELLER_TOKEN=s3cret-token", "ADCPCTL_API=", "ADCPCTL_KEY=") // it needs no API
	c.file("buy.json", buy)
	c.file("order.json", buyRequest)
	c.file("update.json", `{"agent_id": "seller", "type": "update_media_buy", "request": {}}`)
	sellers := strings.NewReplacer("GOOD", good.URL, "CARELESS", careless.URL, "CLOSED", closed.URL, "DOWN", down.URL)
	masks := strings.NewReplacer(good.URL, "http://good", careless.URL, "http://careless", closed.URL, "http://closed",
		down.URL, "http://down")
	var b strings.Builder
	for _, step := range []string{"--agent GOOD", "--agent GOOD --buy buy.json -y", "--agent GOOD --buy order.json",
		"--agent CARELESS --buy order.json -y", "--agent CARELESS -o jsonl", "--agent GOOD -o json", "--agent CLOSED",
		"--agent CLOSED --token-env SELLER_TOKEN", "--agent DOWN", "", "--agent GOOD --transport smtp",
		"--agent GOOD --token-env NOTHING", "--agent http://sales.example.com/mcp", "--agent GOOD --buy update.json -y"} {
		transcribe(&b, c, strings.TrimSpace("conform "+sellers.Replace(step)))
	}
	got := masks.Replace(b.String())
	if strings.Contains(got, "s3cret") {
		t.Error("the token is shown")
	}
	compare(t, "conform", got)
	if bought := len(careless.buys); bought != 3 { // the order, its repetition, and the other under its key
		t.Errorf("%d buys at the careless one", bought)
	}
}

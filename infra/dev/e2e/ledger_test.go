package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
)

// ledger is the seller's own list of the calls that it got and of the buys that it made.
type ledger struct {
	Calls []struct {
		PO string `json:"po_number"`
	} `json:"calls"`
	Buys []struct {
		ID string `json:"media_buy_id"`
		PO string `json:"po_number"`
	} `json:"buys"`
}

func readLedger(t *testing.T) ledger {
	t.Helper()
	var l ledger
	getJSON(t, env(t, "SELLER_LEDGER_URL"), nil, &l)
	return l
}

// count returns how many calls and buys the ledger has for the purchase orders.
func (l ledger) count(po ...string) (calls, buys int) {
	for _, c := range l.Calls {
		if slices.Contains(po, c.PO) {
			calls++
		}
	}
	for _, b := range l.Buys {
		if slices.Contains(po, b.PO) {
			buys++
		}
	}
	return calls, buys
}

// buysInLedger returns a function that finds a request's media buys in the ledger at a URL.
func buysInLedger(url string) func(t *testing.T, request map[string]any) []string {
	return func(t *testing.T, request map[string]any) (ids []string) {
		t.Helper()
		var l ledger
		getJSON(t, url, nil, &l)
		for _, b := range l.Buys {
			if b.PO == request["po_number"] {
				ids = append(ids, b.ID)
			}
		}
		return ids
	}
}

// mediaBuyID returns the id in an operation's result, "" if there is none.
func mediaBuyID(result json.RawMessage) string {
	var r struct {
		ID string `json:"media_buy_id"`
	}
	if json.Unmarshal(result, &r) != nil {
		return ""
	}
	return r.ID
}

// checkBoughtOnce checks that the seller got one call and made one buy for an operation, and that
// the operation has this buy as its result.
func checkBoughtOnce(t *testing.T, op httpapi.Operation) {
	t.Helper()
	l := readLedger(t)
	if calls, buys := l.count(op.PONumber); calls != 1 || buys != 1 {
		t.Errorf("%d calls and %d buys for one operation", calls, buys)
	}
	id := mediaBuyID(op.Result)
	if id == "" {
		t.Fatalf("result %s", op.Result)
	}
	for _, b := range l.Buys {
		if b.PO == op.PONumber && b.ID != id {
			t.Errorf("the seller sold %s, the operation has %s", b.ID, id)
		}
	}
}

package schema

import (
	"encoding/json"
	"testing"
)

// buy is a request of create_media_buy as it goes out, valid in each release.
const buy = `{
	"adcp_version": "3.1", "adcp_major_version": 3, "idempotency_key": "00000000-0000-4000-8000-000000000000",
	"context": {"adcp_operation_id": "op_a"},
	"push_notification_config": {"url": "https://api.example/v1/webhooks/a", "operation_id": "op_a",
		"token": "0123456789abcdef0123456789abcdef"},
	"account": {"account_id": "acc_1"}, "brand": {"domain": "acme.example"}, "start_time": "asap",
	"end_time": "2027-06-30T23:59:59Z", "po_number": "PO-1",
	"packages": [{"product_id": "p", "pricing_option_id": "cpm", "budget": 1000, "buyer_ref": "b"}]
}`

func decode(t testing.TB, b []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
}

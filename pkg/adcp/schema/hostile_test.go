package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Whatever a megabyte holds, a check ends soon, and its answer can be delivered.
func TestHostileRequestsAreCheckedWithinBounds(t *testing.T) {
	t.Parallel()
	packages := func(list string) string {
		return strings.Replace(buy, `[{"product_id": "p", "pricing_option_id": "cpm", "budget": 1000}]`, list, 1)
	}
	list := func(n int, element string) string {
		return "[" + strings.Repeat(element+",", n-1) + element + "]"
	}
	nested := func(n int, open, shut string) string {
		return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n)
	}
	creatives := func(assets string) string {
		return `{"account":{"account_id":"a"},"idempotency_key":"00000000-0000-4000-8000-000000000000","creatives":[` +
			`{"creative_id":"c","name":"n","format_id":{"agent_url":"https://x.example","id":"d"},"assets":` + assets + `}]}`
	}
	var names, assets []string
	for i := range 40_000 {
		names = append(names, fmt.Sprintf(`"unknown_member_%d":1`, i))
	}
	for i := range 8_000 {
		assets = append(assets, fmt.Sprintf(`"asset_%d":{"asset_type":"image","url":7,"width":"x","height":null}`, i))
	}
	for name, tc := range map[string]struct {
		tool, request string
		more          int // at least
	}{
		"10,000 wrong packages":    {"create_media_buy", packages(list(10_000, `{"product_id":7,"budget":-1}`)), 29_950},
		"packages of another type": {"create_media_buy", packages(list(300_000, `7`)), 90_000},
		"packages within packages": {"create_media_buy", packages(nested(95, `[{"targeting_overlay":`, `}]`)), 0},
		"a deep object":            {"create_media_buy", packages(nested(95, `{"a":`, `}`)), 0},
		"a deep list":              {"create_media_buy", packages(nested(95, `[`, `]`)), 0},
		"a huge number":            {"create_media_buy", packages(`[{"budget":1e999999999,"product_id":"p"}]`), 0},
		"a long text":              {"create_media_buy", packages(`"` + strings.Repeat("é", 500_000) + `"`), 0},
		"a long domain": {"create_media_buy", strings.Replace(buy, "acme.example",
			strings.Repeat("a-", 400_000)+"A", 1), 0},
		"members that nobody knows": {"buy_products", `{` + strings.Join(names, ",") + `}`, 39_000},
		"many wrong assets":         {"sync_creatives", creatives(`{` + strings.Join(assets, ",") + `}`), 7_900},
		"a list of equal values": {"list_creative_formats",
			`{"disclosure_positions":` + list(80_000, `"overlay"`) + `}`, 0},
		"a list of values that nearly are": {"list_creative_formats", `{"disclosure_positions":[{` +
			strings.Join(names, `},{`) + `}]}`, 30_000},
		"a hundred thousand terms": {"create_media_buy", packages(list(1, `{"product_id":"p","pricing_option_id":"c",`+
			`"budget":1,"targeting_overlay":{"geo_countries":`+list(100_000, `"us"`)+`}}`)), 90_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, release := range Releases(tc.tool) {
				began := time.Now()
				result := check(t, release, tc.tool, tc.request)
				took := time.Since(began)
				b, err := json.Marshal(result)
				if err != nil || len(b) > 64<<10 || len(result.Fields) > MaxFields || len(result.Fields) == 0 {
					t.Errorf("%s: %d fields in %d bytes, %v", release, len(result.Fields), len(b), err)
				}
				if result.More < tc.more {
					t.Errorf("%s: %d more", release, result.More)
				}
				if took > 20*time.Second { // it is below one; the machine may be busy
					t.Errorf("%s: took %v", release, took)
				}
				t.Logf("%s: %v for %d bytes, %d fields and %d more", release, took, len(tc.request), len(result.Fields),
					result.More)
			}
		})
	}
}

// A check that would take too long is given up, and says so.
func TestACheckThatTakesTooLongIsRefused(t *testing.T) {
	t.Parallel()
	d, err := load(Newest)
	if err != nil {
		t.Fatal(err)
	}
	number, _ := root(Newest, "create_media_buy")
	r, err := Read([]byte(buy))
	if err != nil {
		t.Fatal(err)
	}
	c := checker{doc: d, steps: maxSteps - 10}
	if c.valid(d.definition(number), r.members) {
		t.Error("what was not checked is valid")
	}
}

package schema

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

// buy is a request of create_media_buy as it goes out, valid in each release.
const buy = `{
	"adcp_version": "3.1", "adcp_major_version": 3, "idempotency_key": "00000000-0000-4000-8000-000000000000",
	"context": {"adcp_operation_id": "op_a"},
	"push_notification_config": {"url": "https://api.example/v1/webhooks/a", "operation_id": "op_a",
		"token": "0123456789abcdef0123456789abcdef"},
	"account": {"account_id": "acc_1"}, "brand": {"domain": "acme.example"}, "start_time": "asap",
	"end_time": "2027-06-30T23:59:59Z", "po_number": "PO-1",
	"packages": [{"product_id": "p", "pricing_option_id": "cpm", "budget": 1000}]
}`

func decode(t testing.TB, b []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, release, tool, request string, own ...string) Result {
	t.Helper()
	r, err := Read([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Check(release, tool, "request", own...)
	if err != nil {
		t.Fatal(err)
	}
	valid, err := r.Valid(release, tool)
	if err != nil || valid && len(result.Fields) > 0 || !valid && len(own) == 0 && len(result.Fields) == 0 {
		t.Errorf("valid: %v, %v, and %+v", valid, err, result)
	}
	return result
}

// changed is buy with another text in the place of a text that it has.
func changed(t testing.TB, old, text string) string {
	t.Helper()
	s := strings.Replace(buy, old, text, 1)
	if s == buy {
		t.Fatalf("buy has no %s", old)
	}
	return s
}

func TestABuyIsValidInEachRelease(t *testing.T) {
	t.Parallel()
	for _, release := range Releases("create_media_buy") {
		if got := check(t, release, "create_media_buy", buy); len(got.Fields) > 0 {
			t.Errorf("%s: %+v", release, got)
		}
	}
}

func TestReleasesHaveTheirTools(t *testing.T) {
	t.Parallel()
	for tool, want := range map[string]string{
		"create_media_buy": "3.2 3.1 3.0", "buy_products": "3.2", "creative_approval": "3.1 3.0",
		"get_task_status":  "3.2 3.1",
		"check_governance": "3.2 3.1 3.0", "create_media": "", "": "", "create_media_buy 3.2": "", "3.2:1": "",
	} {
		if got := strings.Join(Releases(tool), " "); got != want {
			t.Errorf("%q: %s, want %s", tool, got, want)
		}
	}
	r, err := Read([]byte(buy))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Check("3.1", "buy_products", "request"); err == nil {
		t.Error("3.1 has no buy_products")
	}
	if _, err := r.Valid("2.5", "create_media_buy"); err == nil {
		t.Error("2.5 is not spoken")
	}
}

// Each row is one change of a valid request, and all that is said about it.
func TestWhatIsWrongIsNamedOnceWithItsRemedy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		release, old, text string
		want               []string
	}{
		"a currency in small letters": {"3.2", `"po_number"`, `"total_budget":{"amount":5,"currency":"usd"},"po_number"`,
			[]string{`request.total_budget.currency invalid_value must be three capital letters, such as USD; ` +
				`write it as "USD"`}},
		"the same in 3.1": {"3.1", `"po_number"`, `"total_budget":{"amount":5,"currency":"usd"},"po_number"`, nil},
		"packages beside a proposal": {"3.2", `"po_number"`,
			`"total_budget":{"amount":5,"currency":"USD"},"proposal_id":"p","po_number"`,
			[]string{`request.proposal_id invalid_value must not be given together with packages, or match another of 3 ` +
				`alternatives; leave it out, or change what excludes it`}},
		"the same in 3.1 again": {"3.1", `"po_number"`,
			`"total_budget":{"amount":5,"currency":"USD"},"proposal_id":"p","po_number"`, nil},
		"a proposal without a budget": {"3.2",
			`"packages": [{"product_id": "p", "pricing_option_id": "cpm", "budget": 1000}]`,
			`"proposal_id":"p"`, []string{`request.total_budget required must be given together with proposal_id; ` +
				`send it as AdCP 3.2 defines create_media_buy`}},
		"a member that is not there": {"3.1", `"budget": 1000`, `"ext":{}`, []string{
			`request.packages[0].budget required must be given; send it as AdCP 3.1 defines create_media_buy`}},
		"a negative amount": {"3.0", `1000`, `-1`, []string{
			`request.packages[0].budget out_of_range must be at least 0; send a value within the bounds`}},
		"another type": {"3.2", `"po_number": "PO-1"`, `"po_number": 7`, []string{
			`request.po_number invalid_value must be a string; send a value of that type`}},
		"another type in a list": {"3.2", `[{"product_id": "p", "pricing_option_id": "cpm", "budget": 1000}]`, `[7]`,
			[]string{`request.packages[0] invalid_value must be an object; send a value of that type`}},
		"a member that is closed": {"3.2", `{"account_id": "acc_1"}`, `{"account_id": "acc_1", "sandbox": true}`,
			[]string{`request.account.sandbox unknown_member must not be there: AdCP 3.2 defines no such member here, ` +
				`or match another of 2 alternatives; leave it out`}},
		"a time without an offset": {"3.1", `2027-06-30T23:59:59Z`, `2027-06-30T23:59:59`, []string{
			`request.end_time invalid_value must be a date and time with an offset (RFC 3339); ` +
				`send for example 2027-04-01T00:00:00Z`}},
		"a domain in capital letters": {"3.1", `acme.example`, `Acme.Example`, []string{
			`request.brand.domain invalid_value must be a domain name in small letters, such as example.com; ` +
				`write it as "acme.example"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := check(t, tc.release, "create_media_buy", changed(t, tc.old, tc.text))
			var got []string
			for _, f := range result.Fields {
				got = append(got, f.Field+" "+string(f.Code)+" "+f.Rule+"; "+f.Remedy)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

// A value that fits none of many alternatives has one reason, by the member that tells them apart.
func TestAlternativesDoNotFlood(t *testing.T) {
	t.Parallel()
	const request = `{"account":{"account_id":"a"},"idempotency_key":"00000000-0000-4000-8000-000000000000",
		"creatives":[{"creative_id":"c","name":"n","format_id":{"agent_url":"https://x.example","id":"d"},"assets":%}]}`
	for assets, want := range map[string]string{
		`{"hero":{"asset_type":"image","url":"https://a.example/i.png","width":10,"height":3}}`: "",
		`{"hero":{"asset_type":"image","url":"https://a.example/i.png","width":"10","height":3}}`: "" +
			"request.creatives[0].assets.hero.width invalid_value",
		`{"hero":{"asset_type":"vidio"}}`:             "request.creatives[0].assets.hero.asset_type invalid_value",
		`{"hero":{"url":"https://a.example/i.png"}}`:  "request.creatives[0].assets.hero.asset_type required",
		`{"hero":"https://a.example/i.png"}`:          "request.creatives[0].assets.hero invalid_value",
		`{"hero":{"asset_type":"text","contnt":"x"}}`: "request.creatives[0].assets.hero.content required",
	} {
		for _, release := range Releases("sync_creatives") {
			var got []string
			for _, f := range check(t, release, "sync_creatives", strings.Replace(request, "%", assets, 1)).Fields {
				got = append(got, f.Field+" "+string(f.Code))
			}
			if strings.Join(got, "\n") != want {
				t.Errorf("%s %s: got %q, want %s", release, assets, got, want)
			}
		}
	}
}

func TestWhatTheCallerSetsIsNotReported(t *testing.T) {
	t.Parallel()
	wrong := changed(t, `"0123456789abcdef0123456789abcdef"`, `7`)
	if got := check(t, "3.1", "create_media_buy", wrong); len(got.Fields) != 1 ||
		got.Fields[0].Field != "request.push_notification_config.token" {
		t.Errorf("got %+v", got)
	}
	if got := check(t, "3.1", "create_media_buy", wrong, "push_notification_config"); len(got.Fields) != 0 {
		t.Errorf("got %+v", got)
	}
	if got := check(t, "3.1", "create_media_buy", `{}`, "idempotency_key"); len(got.Fields) != 4 {
		t.Errorf("got %+v", got)
	}
}

// A value that may be a secret is not quoted, a long one neither; nor is any other that is wrong.
func TestNoSecretAndNoLongValueIsQuoted(t *testing.T) {
	t.Parallel()
	n := &node{Pattern: `^[A-Z]+$`}
	root := &place{name: "request", index: -1}
	in := func(name string) *place { return root.member("a", &report{}).member(name, &report{}) }
	if f := wrongPattern(n, "secret", in("country")); !strings.Contains(f.Remedy, "SECRET") {
		t.Errorf("the remedy is %s", f.Remedy)
	}
	for _, name := range []string{"token", "credentials", "client_secret", "authentication", "Authorization", "api_key"} {
		if f := wrongPattern(n, "secret", in(name)); strings.Contains(strings.ToLower(f.Remedy+f.Rule), "secret") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := wrongPattern(n, strings.Repeat("x", maxQuoted+1), in("country")); strings.Contains(f.Remedy, "XX") {
		t.Errorf("%+v", f)
	}
	long := strings.Repeat("value-of-a-client ", 3)
	for _, old := range []string{`"acc_1"`, `"asap"`, `"cpm"`, `1000`, `"p"`} {
		for _, wrong := range []string{`["` + long + `"]`, `{"x":"` + long + `"}`} {
			for _, f := range check(t, "3.2", "create_media_buy", changed(t, old, wrong)).Fields {
				if strings.Contains(f.Rule+f.Remedy, "value-of") {
					t.Errorf("%+v", f)
				}
			}
		}
	}
}

// Each definition of the data can be read, each reference leads to one, each pattern compiles.
func TestTheDataIsWhole(t *testing.T) {
	t.Parallel()
	for _, release := range releases() {
		d, err := load(release)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range d.lines {
			var n node
			if err := json.Unmarshal(line, &n); err != nil {
				t.Errorf("%s, definition %d: %v", release, i, err)
			}
			whole(t, release, &n, len(d.lines))
		}
	}
	for line := range strings.Lines(tools) {
		tool, _, _ := strings.Cut(line, " ")
		for _, release := range Releases(tool) {
			d, err := load(release)
			if n, ok := root(release, tool); err != nil || !ok || n >= len(d.lines) {
				t.Errorf("%s %s: %d, %v", release, tool, n, err)
			}
		}
	}
}

func whole(t *testing.T, release string, n *node, definitions int) {
	t.Helper()
	if n == nil {
		return
	}
	if n.Ref != nil && (*n.Ref < 0 || *n.Ref >= definitions) {
		t.Errorf("%s: no definition %d", release, *n.Ref)
	}
	for _, p := range slices.Concat([]string{n.Pattern}, n.Also, n.Never, slices.Collect(maps.Keys(n.PatternProperties))) {
		if _, err := regexp.Compile(p); err != nil {
			t.Errorf("%s: %v", release, err)
		}
	}
	within := slices.Concat(n.AllOf, n.AnyOf, n.OneOf, slices.Collect(maps.Values(n.Properties)),
		slices.Collect(maps.Values(n.PatternProperties)), slices.Collect(maps.Values(n.DependentSchemas)),
		[]*node{n.Items, n.Contains, n.AdditionalProperties, n.PropertyNames, n.Not, n.If, n.Then, n.Else})
	for _, inner := range within {
		whole(t, release, inner, definitions)
	}
}

// The examples of the official request schemas are valid.
func TestOfficialExamplesAreValid(t *testing.T) {
	t.Parallel()
	for _, release := range releases() {
		dir := filepath.Join(adcptest.BundleDir(t), "_schemas", release)
		var m struct {
			Tools map[string]struct {
				Request string `json:"request_schema"`
			} `json:"tools"`
		}
		decode(t, adcptest.Bundle(t, "_schemas/"+release+"/manifest.json"), &m)
		examples := 0
		for tool, entry := range m.Tools {
			b, err := fs.ReadFile(os.DirFS(dir), entry.Request)
			if err != nil {
				t.Fatal(err)
			}
			var s struct{ Examples []json.RawMessage }
			decode(t, b, &s)
			for i, e := range s.Examples {
				var wrapped struct{ Data json.RawMessage } // some have a description beside it
				decode(t, e, &wrapped)
				if wrapped.Data != nil {
					e = wrapped.Data
				}
				examples++
				if got := check(t, release, tool, string(e)); len(got.Fields) > 0 {
					t.Errorf("%s %s, example %d: %+v", release, tool, i, got.Fields)
				}
			}
		}
		t.Logf("%s: %d examples", release, examples)
		if examples == 0 {
			t.Error("there are none")
		}
	}
}

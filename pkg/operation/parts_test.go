package operation

import (
	"fmt"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

// inPackage is an end whose only package has the given members beside its id and budget.
func inPackage(members string) string {
	return `{"media_buy_id":"mb_1","packages":[{"package_id":"p0","budget":1000` + members + `}]}`
}

func TestMembersInsidePackagesOnOneSideAreNoContradiction(t *testing.T) {
	t.Parallel()
	plain := inPackage("")
	for name, more := range map[string]string{
		"context":      `,"context":{"trace":"t1"}`,
		"ext":          `,"ext":{"line_item":7}`,
		"buyer_ref":    `,"buyer_ref":"b-1"`,
		"adcp_version": `,"adcp_version":"3.1"`,
		"a message":    `,"message":"created"`,
		"targeting":    `,"targeting_overlay":{"geo":{"countries":["US","CA"]}}`,
		"its status":   `,"status":"pending"`,
		"nulls":        `,"pacing":null,"ext":{"a":null}`,
		"odd text":     `,"note":"\ud83d"`,
	} {
		for _, c := range []Channel{ByAnswer, ByPoll, ByWebhook} {
			if v := second(t, c, inPackage(more), plain); v != Duplicate {
				t.Errorf("%s, less by %s: %s", name, c, v)
			}
			if v := second(t, c, plain, inPackage(more)); v != Duplicate {
				t.Errorf("%s, more by %s: %s", name, c, v)
			}
		}
	}
	for name, both := range map[string][2]string{
		"two contexts":       {`,"context":{"a":1}`, `,"context":{"a":2}`},
		"envelope in ext":    {`,"ext":{"a":1,"timestamp":"t1"}`, `,"ext":{"a":1,"timestamp":"t2"}`},
		"each shows another": {`,"buyer_ref":"b-1"`, `,"pacing":"even"`},
		"its status changed": {`,"status":"pending"`, `,"status":"active"`},
		"within a list":      {`,"creatives":[{"creative_id":"c","ext":{"a":1}}]`, `,"creatives":[{"creative_id":"c"}]`},
		"as text and number": {`,"bid_price":2.50,"ext":{"a":1}`, `,"bid_price":2.5`},
	} {
		if v := second(t, ByWebhook, inPackage(both[0]), inPackage(both[1])); v != Duplicate {
			t.Errorf("%s: %s", name, v)
		}
	}
}

func TestContradictionInsidePackagesIsFound(t *testing.T) {
	t.Parallel()
	known := inPackage(`,"buyer_ref":"b-1","context":{"a":1},"ext":{"a":1},"formats":[{"id":"f"}]`)
	for name, members := range map[string]string{
		"another buyer_ref":      `,"buyer_ref":"b-2"`,
		"another ext":            `,"ext":{"a":2}`,
		"another format":         `,"formats":[{"id":"g"}]`,
		"no formats":             `,"formats":[]`,
		"one more format":        `,"formats":[{"id":"f"},{"id":"g"}]`,
		"a text for a list":      `,"formats":"f"`,
		"an object for a number": `,"budget":{"amount":1000}`,
		"another budget":         `,"budget":2000`,
	} {
		seen := inPackage(members)
		if strings.Contains(members, "budget") {
			seen = strings.Replace(seen, `,"budget":1000`, "", 1)
		}
		for _, c := range []Channel{ByAnswer, ByPoll, ByWebhook} {
			if v := second(t, c, known, seen); v != Conflict {
				t.Errorf("%s by %s: %s", name, c, v)
			}
			if v := second(t, c, seen, known); v != Conflict {
				t.Errorf("%s first, then by %s: %s", name, c, v)
			}
		}
	}
	for name, both := range map[string][2]string{
		"a list for an object":  {`{"media_buy_id":"mb_1","packages":[]}`, `{"media_buy_id":"mb_1","packages":{}}`},
		"a creative's standing": {`{"creatives":[{"id":"c","status":"a"}]}`, `{"creatives":[{"id":"c","status":"b"}]}`},
	} {
		op := newOperation(Working)
		if name == "a creative's standing" { // of no buy's task: it is what the task was for
			op.Type = adcp.SyncCreatives
		}
		op, _, _ = Apply(op, observe(ByPoll, adcp.StatusCompleted, both[0]))
		if _, _, v := Apply(op, observe(ByWebhook, adcp.StatusCompleted, both[1])); v != Conflict {
			t.Errorf("%s: %s", name, v)
		}
	}
}

// The parts of a buy with very many packages are not kept one by one. It is still compared, without
// the envelope's members in it.
func TestPartsOfAnEndAreBounded(t *testing.T) {
	t.Parallel()
	buy := func(packages int, members string) string {
		all := make([]string, packages)
		for i := range all {
			all[i] = fmt.Sprintf(`{"package_id":"p%d","budget":%d%s}`, i, i, members)
		}
		return `{"media_buy_id":"mb_1","packages":[` + strings.Join(all, ",") + `],"ext":{"a":{"b":1}}}`
	}
	for _, packages := range []int{1, 169, 170, 1000, 50_000} {
		plain, traced := buy(packages, ""), buy(packages, `,"context":{"a":1},"message":"m"`)
		op, _, _ := Apply(newOperation(Working), observe(ByPoll, adcp.StatusCompleted, plain))
		size := 0
		for _, parts := range op.Terminal.Parts {
			size += len(parts)
		}
		if size == 0 || size > 9<<10 {
			t.Errorf("%d packages: %d bytes are kept", packages, size)
		}
		if v := second(t, ByWebhook, plain, strings.Replace(plain, `"budget":0`, `"budget":7`, 1)); v != Conflict {
			t.Errorf("%d packages, another budget: %s", packages, v)
		}
		if packages > 1000 {
			continue // too large to be looked through twice in a test's time
		}
		for _, both := range [][2]string{{plain, traced}, {traced, plain}} {
			if v := second(t, ByWebhook, both[0], both[1]); v != Duplicate {
				t.Errorf("%d packages, with the envelope's members: %s", packages, v)
			}
		}
	}
}

// An end that older code has stored has no parts: its members are compared as before.
func TestEndStoredWithoutPartsIsCompared(t *testing.T) {
	t.Parallel()
	op, _, _ := Apply(newOperation(Working), observe(ByPoll, adcp.StatusCompleted, inPackage("")))
	op.Terminal.Parts = nil
	for members, want := range map[string]Verdict{``: Duplicate, `,"pacing":null`: Duplicate, `,"bid_price":1`: Conflict} {
		if _, _, v := Apply(op, observe(ByWebhook, adcp.StatusCompleted, inPackage(members))); v != want {
			t.Errorf("%q: %s, want %s", members, v, want)
		}
	}
	op.Terminal.Parts = map[string]string{"packages": "damaged"}
	if _, _, v := Apply(op, observe(ByWebhook, adcp.StatusCompleted, inPackage(`,"bid_price":1`))); v != Conflict {
		t.Errorf("with damaged parts: %s", v)
	}
}

func TestMediaBuyIDAsANumberIsTheSameID(t *testing.T) {
	t.Parallel()
	numeric := `{"media_buy_id":12,"packages":[]}`
	for id, want := range map[string]Verdict{"12": Duplicate, "13": Conflict} {
		if v := second(t, ByWebhook, numeric, `{"media_buy_id":"`+id+`","packages":[],"ext":{}}`); v != want {
			t.Errorf("%s: %s", id, v)
		}
	}
}

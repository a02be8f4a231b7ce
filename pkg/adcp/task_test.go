package adcp

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

// A constant without a row in the tables would be a task that no one can submit.
func TestEveryTaskConstantCanBeSubmitted(t *testing.T) {
	t.Parallel()
	constants := taskConstants(t)
	if len(constants) == 0 {
		t.Fatal("task.go declares no Task constants")
	}
	for _, c := range constants {
		if !slices.Contains(Tasks(), c) {
			t.Errorf("%s can't be submitted", c)
		}
	}
}

// taskConstants reads the values of the Task constants from task.go, in their order.
func taskConstants(t *testing.T) []Task {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "task.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []Task
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Task" {
			return true
		}
		for _, v := range spec.Values {
			literal, ok := v.(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s has a value that is not a literal", spec.Names[0])
			}
			s, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, Task(s))
		}
		return true
	})
	return all
}

func TestEveryTaskHasADeadlineAndAProofOfItsSuccess(t *testing.T) {
	t.Parallel()
	for _, task := range Tasks() {
		traits, ok := TraitsOf(task)
		if !ok || traits.Deadline <= 0 || traits.Releases == 0 {
			t.Errorf("%s: traits %+v, %v", task, traits, ok)
		}
		if len(successesOf(task)) == 0 || hasResult(task, object([]byte(`{}`))) {
			t.Errorf("%s: successes %+v, and an empty result is one", task, successesOf(task))
		}
		for _, s := range successesOf(task) {
			if len(s) == 0 {
				t.Errorf("%s: a success requires nothing", task)
			}
			for _, p := range s {
				if p.member == "" || strings.Trim(p.opens, "\"[{tfn0") != "" {
					t.Errorf("%s: proof %+v", task, p)
				}
			}
		}
	}
	if traits, ok := TraitsOf("get_media_buys"); ok || traits != (Traits{}) {
		t.Errorf("a task outside the table has traits %+v", traits)
	}
}

// The three tables have an order that they are searched by, and a tool once.
func TestTablesAreSorted(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(tools[:], func(a, b tool) int { return strings.Compare(a.name, b.name) }) ||
		len(slices.Compact(Tools())) != len(tools) {
		t.Error("the tools are not in order")
	}
	if !slices.IsSortedFunc(recoveries[:], func(a, b codeRecovery) int { return strings.Compare(a.code, b.code) }) {
		t.Error("the codes are not in order")
	}
}

// contract O15: 3.0 puts a result's own status where a task's status stands in later releases.
func TestStatusOfA30ResultIsTheResultsOwn(t *testing.T) {
	t.Parallel()
	for payload, task := range map[string]Task{
		`{"check_id":"c","status":"approved","plan_id":"p","explanation":"e"}`: CheckGovernance,
		`{"check_id":"c","status":"denied","plan_id":"p","explanation":"e"}`:   CheckGovernance,
		`{"rights_id":"r","status":"acquired","brand_id":"b"}`:                 AcquireRights,
		`{"outcome_id":"o","status":"accepted"}`:                               "report_plan_outcome",
	} {
		a, ok := direct(task, payload)
		if !ok || a.Status != StatusCompleted || string(a.Value) != payload {
			t.Errorf("%s: %s is %+v, %v", task, payload, a, ok)
		}
		if _, ok := direct(SyncCreatives, payload); ok {
			t.Errorf("%s is an answer to another task", payload)
		}
		poll := Response{Payload: []byte(`{"task_id":"t","status":"completed","result":` + payload + `}`)}
		if a, ok := ReadPoll(task, poll); !ok || string(a.Value) != payload {
			t.Errorf("%s: the poll's value is %s, %v", task, a.Value, ok)
		}
	}
	if _, ok := direct(CheckGovernance, `{"status":"approved"}`); ok {
		t.Error("a status alone is a result")
	}
}

// The rule that needs no table: whatever AdCP's tool changes something, answers later or takes a
// webhook can be submitted, and is a purchase unless something better is known (contract O12).
func TestRuleForTasks(t *testing.T) {
	t.Parallel()
	all := Tasks()
	if !slices.Equal(all[:len(first)], first[:]) || !slices.IsSorted(all[len(first):]) {
		t.Errorf("the order is %v", all)
	}
	for i := range tools {
		s := &tools[i]
		traits, ok := TraitsOf(Task(s.name))
		want := s.mutating|s.async|s.webhook != 0 || s.name == "check_governance"
		if ok != want || slices.Contains(all, Task(s.name)) != want {
			t.Errorf("%s can be submitted: %v, listed: %v", s.name, ok, slices.Contains(all, Task(s.name)))
		}
		if ok && (traits.Key != (s.key != 0) || traits.Webhook != (s.webhook != 0) || traits.Releases != s.in) {
			t.Errorf("%s has the traits %+v", s.name, traits)
		}
		if traits.Purchase && IsRead(s.name) || !ok && !IsRead(s.name) {
			t.Errorf("%s is a read: %v, with the traits %+v", s.name, IsRead(s.name), traits)
		}
		if ok && traits.Purchase != (s.mutating != 0 && !harmless(Task(s.name))) {
			t.Errorf("%s is a purchase: %v", s.name, traits.Purchase)
		}
		if (Task(s.name).AboutBuy() || traits.Governed) && !traits.Purchase {
			t.Errorf("%s concerns a buy and is no purchase", s.name)
		}
	}
	for _, name := range []Task{"report_usage", "create_property_list", "get_creative_features", "si_send_message"} {
		if traits, ok := TraitsOf(name); !ok || !traits.Purchase {
			t.Errorf("%s has the traits %+v, %v", name, traits, ok)
		}
	}
}

// What is harmless twice, read-only or late must be a tool, or a typing error makes it a purchase.
func TestHandTableNamesOnlyTools(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("taskknown.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\s"([a-z]+_[a-z_]+)"[,:]`).FindAllStringSubmatch(string(b), -1)
	if len(names) < 10 {
		t.Errorf("found only %v", names)
	}
	for _, m := range names {
		if _, ok := toolOf(m[1]); !ok {
			t.Errorf("%s is no tool", m[1])
		}
	}
}

// contract C24, F9.
func TestTakesAsksTheReleasesSchema(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		task            Task
		release, member string
		want            bool
	}{
		{BuildCreative, "3.0", "push_notification_config", false},
		{BuildCreative, "3.1", "push_notification_config", true},
		{GetProducts, "3.0", "idempotency_key", false},
		{GetProducts, "3.2", "idempotency_key", true},
		{GetSignals, "3.2", "idempotency_key", false},
		{CheckGovernance, "3.1", "idempotency_key", false},
		{BuyProducts, "3.1", "idempotency_key", false},
		{BuyProducts, "3.2", "idempotency_key", true},
		{BuyProducts, "4.0", "idempotency_key", false},
		{BuyProducts, "3.2", "packages", false},
		{"no_such_task", "3.2", "idempotency_key", false},
	} {
		if got := Takes(c.task, c.release, c.member); got != c.want {
			t.Errorf("%s takes %s in %s: %v", c.task, c.member, c.release, got)
		}
	}
	if traits, _ := TraitsOf(BuyProducts); traits.Releases.Has("3.1") || !traits.Releases.Has("3.2") ||
		traits.Protocol != "media-buy" || !traits.Governed {
		t.Errorf("buy_products has the traits %+v", traits)
	}
	if NeedsKey(BuyProducts, "3.1") || !NeedsKey(BuyProducts, "3.2") || NeedsKey(GetProducts, "3.2") ||
		NeedsKey("no_such_task", "3.2") {
		t.Error("buy_products needs a key in 3.2 only, and get_products never")
	}
	if got := Reads(); !slices.Contains(got, "get_media_buys") || !slices.Contains(got, "list_products") ||
		!slices.Contains(got, "get_products") || slices.Contains(got, "create_media_buy") || IsRead("no_such_tool") {
		t.Errorf("the reads are %v", got)
	}
}

// A tool that the tables do not know could neither be submitted nor be read, and no profile would
// name it. The manifests are read here without the generator's help.
func TestTablesKnowEveryToolOfTheManifests(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"3.0", "3.1", "3.2"} {
		var manifest struct {
			Tools map[string]struct {
				Mutating bool     `json:"mutating"`
				Async    []string `json:"async_response_schemas"`
			} `json:"tools"`
		}
		b := adcptest.Bundle(t, "_schemas/"+release+"/manifest.json")
		if err := json.Unmarshal(b, &manifest); err != nil || len(manifest.Tools) == 0 {
			t.Fatalf("%s: %d tools, %v", release, len(manifest.Tools), err)
		}
		for name, want := range manifest.Tools {
			s, ok := toolOf(name)
			if !ok || !s.in.Has(release) {
				t.Errorf("%s of %s is unknown", name, release)
				continue
			}
			if _, runs := TraitsOf(Task(name)); !runs && (want.Mutating || len(want.Async) > 0) {
				t.Errorf("%s of %s can't be submitted", name, release)
			}
		}
	}
}

// The API's document lists what the API accepts.
func TestDocumentedTypesAreTheTasks(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "### Types\n")
	_, got, _ := strings.Cut(text, "|---|---|---|\n")
	got, _, _ = strings.Cut(got, "\n\n")
	var want []string
	for _, task := range Tasks() {
		traits, _ := TraitsOf(task)
		var in []string
		for _, r := range []string{"3.0", "3.1", "3.2"} {
			if traits.Releases.Has(r) {
				in = append(in, r)
			}
		}
		purchase := "no"
		if traits.Purchase {
			purchase = "yes"
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", task, strings.Join(in, ", "), purchase))
	}
	if list := strings.Join(want, "\n"); got != list {
		t.Errorf("docs/api.md lists\n%s\nwant\n%s", got, list)
	}
}

// successBySchema returns a success of a task with the members that its first form requires.
func successBySchema(t *testing.T, task Task) string {
	t.Helper()
	forms := successesOf(task)
	if len(forms) == 0 {
		t.Fatalf("no success of %s", task)
	}
	values := map[byte]string{'"': `"x"`, '{': `{"a":1}`, '[': `[]`, '0': `1`, 't': `true`, 'f': `false`, 'n': `null`}
	var all []string
	for _, p := range forms[0] {
		all = append(all, fmt.Sprintf("%q:%s", p.member, values[(p.opens + `"`)[0]]))
	}
	return "{" + strings.Join(all, ",") + "}"
}

// onlySaysSuccess are the tasks whose schemas require nothing of a success but success true.
var onlySaysSuccess = []Task{"comply_test_controller", "provide_performance_feedback"}

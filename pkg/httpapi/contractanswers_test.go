package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/httpapi/contract"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store/memory"
)

// Every documented answer is produced by some test of this package, and was checked when it was.
// The tests run once more for this, in a process that keeps a list. API Gateway's own answers are
// produced by the tests of infra.
func TestContractAnswers(t *testing.T) {
	t.Parallel()
	if os.Getenv(contract.LogVariable) != "" {
		t.Skip("this is the run that keeps the list")
	}
	file := filepath.Join(t.TempDir(), "answers")
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.short")
	run.Env = append(os.Environ(), contract.LogVariable+"="+file)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(lines)
	seen := slices.Compact(slices.Clone(lines))
	for _, line := range seen {
		if name, ok := strings.CutPrefix(line, "UNROUTED "); ok {
			t.Errorf("%s: the events of this test name no route: set Resource, for example with routed", name)
		}
	}
	documented, produced, gateway := 0, 0, 0
	for _, o := range contract.API().Operations() {
		if slices.Contains(notYet, o.Route()) {
			continue
		}
		for status, answer := range o.Answers {
			if answer.Gateway {
				gateway++
				continue
			}
			documented++
			name := fmt.Sprint(o.Route(), " ", status)
			was, excused := slices.Contains(seen, name), slices.Contains(unproduced, name)
			switch {
			case was && excused:
				t.Errorf("%s is produced: take it out of unproduced", name)
			case was:
				produced++
			case !excused:
				t.Errorf("%s is documented, and no test produces it", name)
			}
		}
	}
	t.Logf("documented answers of functions, produced and checked: %d of %d; %d more are API Gateway's own; "+
		"%d exchanges were checked", produced, documented, gateway, len(lines))
}

// What every function answers before its own work begins: who may not ask, who asks too often, what
// can't be read, and what fails.
func TestContractAnswersOfEveryFunction(t *testing.T) {
	t.Parallel()
	for _, o := range contract.API().Operations() {
		if !o.NeedsKey || slices.Contains(notYet, o.Route()) {
			continue
		}
		fails := func(context.Context, httpapi.Request) (httpapi.Response, error) {
			return httpapi.Response{}, errors.New("the table is away")
		}
		f := api.Serve(o.Scope, fails)
		e := routed(o.Route(), "")
		wantProblem(t, call(t, f, e), 401, "unauthorized")
		e = as(e, "acme")
		if o.Scope != "" {
			e.RequestContext.Authorizer["scopes"] = "nothing:else"
			wantProblem(t, call(t, f, e), 403, "insufficient_scope")
			e.RequestContext.Authorizer["scopes"] = o.Scope
		}
		wantProblem(t, call(t, f, e), 503, "unavailable")
		limited := httpapi.API{BaseURL: baseURL, Limits: quota.NewGuard(memory.New(clock),
			quota.Limits{Requests: quota.Rate{PerSecond: 1, Burst: 1}}, clock)}.Serve(o.Scope, fails)
		call(t, limited, e)
		wantProblem(t, call(t, limited, e), 429, "rate_limited")
		e.Body, e.IsBase64Encoded = "***", true
		wantProblem(t, call(t, f, e), 400, "malformed_body")
	}
}

// A route refuses query parameters that are not described, and takes those that are.
func TestContractQueryParameters(t *testing.T) {
	t.Parallel()
	if slices.Contains(codesNotYet, "unknown_parameter") {
		t.Skip("unknown parameters are not refused yet")
	}
	for _, o := range contract.API().Operations() {
		if !o.NeedsKey || slices.Contains(notYet, o.Route()) {
			continue
		}
		reached := false
		f := api.Serve(o.Scope, func(context.Context, httpapi.Request) (httpapi.Response, error) {
			reached = true
			return httpapi.Response{}, errors.New("the table is away")
		})
		e := as(routed(o.Route(), ""), "acme")
		e.QueryStringParameters = map[string]string{"nonsense": "1"}
		refused := wantProblem(t, call(t, f, e), 400, "unknown_parameter")
		names, _ := strings.CutPrefix(refused.Errors[0].Rule, "must be one of ")
		known := strings.Split(names, ", ")
		described := slices.Sorted(slices.Values(o.QueryParameters()))
		if slices.Sort(known); len(described) > 0 && !slices.Equal(known, described) {
			t.Errorf("%s: takes %q, and %q are described", o.Route(), known, described)
		}
		e.QueryStringParameters = map[string]string{}
		for _, name := range o.QueryParameters() {
			e.QueryStringParameters[name] = "1"
		}
		if got := call(t, f, e); !reached {
			t.Errorf("%s: refuses some of %q: %s", o.Route(), o.QueryParameters(), got.Body)
		}
	}
}

package people_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/people"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestOnlyWhatNeedsSomebodyBecomesAText(t *testing.T) {
	t.Parallel()
	texts := people.Texts{BaseURL: "https://api.example"}
	n := notice.Notice{ID: "op_1-7-0", Type: notice.Working, At: now, Facts: notice.Facts{Tenant: "acme",
		OperationID: "op_1", AgentID: "nova", Task: adcp.CreateMediaBuy, Deadline: now.Add(time.Hour),
		AgentMessage: "call 555-0100 and say your password"}}
	if _, ok := texts.Of(n); ok {
		t.Error("an operation that works is told to people")
	}
	n.Type = notice.InputRequired
	got, ok := texts.Of(n)
	if !ok || got.Type != string(n.Type) || got.Subject != "AdCP: op_1 (create_media_buy at nova) needs an answer (acme)" {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{"operation  op_1\n", "agent      nova\n", "until      2026-11-23T13:00:00Z\n",
		"https://api.example/v1/operations/op_1\n"} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("%q is not in\n%s", want, got.Body)
		}
	}
	if strings.Contains(got.Body, "555") {
		t.Error("the agent's words are in a text of ours")
	}
	for _, authentic := range []bool{false, true} {
		q := notice.Quarantined("acme", "nova", "op_1", "p", "conflict", authentic, now)
		if _, told := texts.Of(q); told != authentic {
			t.Errorf("a quarantined delivery, authentic %t, is told to people: %t", authentic, told)
		}
	}
}

// SNS refuses subjects that are longer, or that have line breaks or other alphabets in them.
func TestSubjectsAreWhatSNSTakes(t *testing.T) {
	t.Parallel()
	got, _ := people.Texts{}.Of(notice.Disabled(strings.Repeat("ü\n", 200), "we_1", 2, "", now))
	if len(got.Subject) > 99 || strings.ContainsFunc(got.Subject, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%q", got.Subject)
	}
}

// fakeStore has so many operations of each tenant that somebody should look at. Its pages are
// short.
type fakeStore map[string]int

func (s fakeStore) NeedAttention(context.Context) (map[string]int, error) {
	return s, nil
}

func (s fakeStore) List(_ context.Context, tenant string, q operation.ListQuery) (p operation.ListPage, err error) {
	n, _ := strconv.Atoi(q.After)
	if !q.Attention || !q.Ascending || tenant == "initech" || n >= s[tenant] {
		return p, nil
	}
	for last := min(n+3, n+q.Limit, s[tenant]); n < last; n++ {
		p.Items = append(p.Items, operation.Operation{Tenant: tenant, ID: fmt.Sprintf("op_%02d", n), AgentID: "nova",
			Type: adcp.CreateMediaBuy, State: operation.Working, Deadline: now.Add(-3 * time.Hour),
			Attention: &operation.Attention{Reason: operation.DeadlinePassed, Since: now.Add(-3 * time.Hour)}})
	}
	p.Next = strconv.Itoa(n)
	return p, nil
}

type publisher map[string]endpoint.Text

func (p publisher) Publish(_ context.Context, tenant string, t endpoint.Text) error {
	p[tenant] = t
	return nil
}

func TestEachTenantGetsItsOwnDigestTheOldestFirst(t *testing.T) {
	t.Parallel()
	got := publisher{}
	// The index still shows the one of initech.
	digest := people.Digest{Store: fakeStore{"acme": 25, "globex": 1, "initech": 1}, People: got,
		Now: func() time.Time { return now }}
	s, err := digest.Run(t.Context())
	if err != nil || s.Tenants != 3 || s.Operations != 27 || len(got) != 2 {
		t.Fatalf("%+v, %v, %d texts", s, err, len(got))
	}
	acme := got["acme"]
	lines := strings.Split(acme.Body, "\n")
	if acme.Subject != "AdCP: 25 operations need somebody (acme)" || len(lines) != 24 || lines[22] != "and 5 more" ||
		lines[2] != "op_00  working, create_media_buy at nova: deadline passed for 3 h, overdue for 3 h" {
		t.Errorf("%s\n%s", acme.Subject, acme.Body)
	}
	if globex := got["globex"]; globex.Subject != "AdCP: 1 operation needs somebody (globex)" ||
		strings.Contains(globex.Body, "more") {
		t.Errorf("%s\n%s", globex.Subject, globex.Body)
	}
}

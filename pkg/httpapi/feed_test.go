package httpapi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

// eventsPage is a page of GET /v1/events.
type eventsPage struct {
	Items              []notice.Envelope
	Self, Next, Cursor string
}

// told is a store of which n notices were told, alternately that a circuit opened and closed.
// listTold is a request for what was told.
func listTold(query map[string]string, tenant string) events.APIGatewayProxyRequest {
	return listOf("/v1/events", query, tenant)
}

func told(t *testing.T, n int) (s *memory.Store, ids []string) {
	t.Helper()
	s = memory.New(clock)
	for version := range int64(n) {
		told := notice.Circuit("acme", "seller", "seller.00", version+1, version%2 == 0, now)
		doc := store.Document{Version: version + 1, Body: []byte(`{}`)}
		if err := s.PutCircuit(t.Context(), "acme", "seller.00", doc, told); err != nil {
			t.Fatal(err)
		}
		r := notice.Ref{Tenant: "acme", NoticeID: told.ID}
		p, err := s.ReservePositions(t.Context(), "acme", 1, now)
		if err == nil {
			err = s.AcknowledgeNotice(t.Context(), r, notice.Row{Notice: told, Key: "-"}, p, now)
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, told.ID)
	}
	return s, ids
}

func feedOf(s *memory.Store, now func() time.Time) httpapi.Function {
	return api.Serve(apikey.ScopeOperationsRead, api.ListTold(outbox.Feed{Store: s, Now: now}))
}

func idsOn(p eventsPage) (ids []string) {
	for _, e := range p.Items {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestEventsArePagedOldestFirst(t *testing.T) {
	t.Parallel()
	s, want := told(t, 7)
	f := feedOf(s, clock)
	query := map[string]string{"limit": "3"}
	var got []string
	for pages := 0; ; pages++ {
		p := decode[eventsPage](t, call(t, f, listTold(query, "acme")), 200)
		got = append(got, idsOn(p)...)
		if p.Next == "" || pages > 7 {
			break
		}
		u, err := url.Parse(p.Next)
		if err != nil || !strings.HasPrefix(p.Next, baseURL+"/v1/events?") || u.Query().Get("cursor") != p.Cursor {
			t.Fatalf("%v: next is %s", err, p.Next)
		}
		query = map[string]string{"limit": u.Query().Get("limit"), "cursor": u.Query().Get("cursor")}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	p := decode[eventsPage](t, call(t, f, listTold(map[string]string{"after": want[4]}, "acme")), 200)
	if !slices.Equal(idsOn(p), want[5:]) || p.Items[0].Source != baseURL || p.Items[0].Data.Text.Title == "" {
		t.Errorf("after %s are %+v", want[4], p.Items)
	}
	p = decode[eventsPage](t, call(t, f, listTold(map[string]string{"type": "agent.circuit_closed.v1"}, "acme")), 200)
	if len(p.Items) != 3 || p.Items[0].ID != want[1] {
		t.Errorf("closed are %v", idsOn(p))
	}
	// At the end there is no next, and the cursor finds what comes later.
	p = decode[eventsPage](t, call(t, f, listTold(map[string]string{"cursor": p.Cursor}, "acme")), 200)
	if len(p.Items) != 0 || p.Next != "" || p.Cursor == "" {
		t.Errorf("at the end is %+v", p)
	}
	if p = decode[eventsPage](t, call(t, f, listTold(nil, "globex")), 200); len(p.Items) > 0 {
		t.Errorf("another tenant reads %v", idsOn(p))
	}
}

func TestEventsNameWhatIsWrongWithTheQuery(t *testing.T) {
	t.Parallel()
	s, ids := told(t, 2)
	f := feedOf(s, clock)
	cursor := decode[eventsPage](t, call(t, f, listTold(nil, "acme")), 200).Cursor
	for field, query := range map[string]map[string]string{
		"after":  {"after": "nt_unknown"},
		"cursor": {"cursor": "%%%"},
		"limit":  {"limit": "201"},
		"type":   {"type": "operation.vanished"},
	} {
		p := decode[httpapi.Problem](t, call(t, f, listTold(query, "acme")), 400)
		if len(p.Errors) != 1 || p.Errors[0].Field != field || p.Errors[0].Remedy == "" {
			t.Errorf("%v: %+v", query, p)
		}
	}
	for _, query := range []map[string]string{{"after": ids[0], "cursor": cursor}, {"after": "op_x-2-0"},
		{"after": strings.Repeat("x", 600)}, {"after": "a#b"}, {"cursor": "LTEuMA"}} {
		if p := decode[httpapi.Problem](t, call(t, f, listTold(query, "acme")), 400); len(p.Errors) == 0 {
			t.Errorf("%v: %+v", query, p)
		}
	}
	foreign := call(t, f, listTold(map[string]string{"after": ids[0]}, "globex"))
	if p := decode[httpapi.Problem](t, foreign, 400); len(p.Errors) != 1 {
		t.Errorf("another tenant's event: %+v", p)
	}
}

// Who comes back after more than 30 days is told that there is a gap.
func TestAGapInEventsIsNoSilence(t *testing.T) {
	t.Parallel()
	s, ids := told(t, 5)
	at := now.Add(40 * 24 * time.Hour)
	s.SweepFeed(at)
	late := feedOf(s, func() time.Time { return at })
	p := decode[eventsPage](t, call(t, late, listTold(nil, "acme")), 200)
	if len(p.Items) != 0 {
		t.Errorf("kept are %v", idsOn(p))
	}
	again := call(t, late, listTold(map[string]string{"cursor": p.Cursor}, "acme"))
	first := fmt.Sprint(idsOn(decode[eventsPage](t, again, 200)))
	if first != "[]" {
		t.Errorf("read %s", first)
	}
	problem := decode[httpapi.Problem](t, call(t, late, listTold(map[string]string{"after": ids[0]}, "acme")), 400)
	if len(problem.Errors) != 1 || problem.Errors[0].Field != "after" {
		t.Errorf("%+v", problem)
	}
}

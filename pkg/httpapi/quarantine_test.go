package httpapi_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store/memory"
)

// sha256OfNothing is the digest of an empty body.
const sha256OfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// quarantinePage is a page of GET /v1/quarantine.
type quarantinePage struct {
	Items []httpapi.QuarantinedDelivery
	Self  string
	Next  string
}

// list is GET /v1/quarantine of a tenant.
func list(query map[string]string, tenant string) events.APIGatewayProxyRequest {
	return listOf("/v1/quarantine", query, tenant)
}

// listOf is a request for the list at a path.
func listOf(path string, query map[string]string, tenant string) events.APIGatewayProxyRequest {
	return as(events.APIGatewayProxyRequest{HTTPMethod: "GET", Resource: path, Path: path,
		QueryStringParameters: query}, tenant)
}

// queryOf reads the query of a page's address.
func queryOf(t *testing.T, address string) map[string]string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, baseURL+"/v1/quarantine?") {
		t.Fatalf("%q is no address of a page: %v", address, err)
	}
	query := map[string]string{}
	for name, values := range u.Query() {
		query[name] = values[0]
	}
	return query
}

func TestQuarantineIsPaged(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	for i := range 7 {
		q := inbox.Quarantined{
			Tenant:      "acme",
			AgentID:     "seller",
			OperationID: "op_aaaaaaaaaaaaaaaaaaaaaaaaa" + string(rune('a'+i)),
			At:          now,
			Authentic:   true,
			Code:        "conflict",
			Reason:      "why",
			Digest:      sha256OfNothing,
			Size:        3,
			Header:      map[string]string{"User-Agent": "x"},
			TaskID:      "t",
			Status:      "completed",
		}
		if err := s.Quarantine(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	f := api.Serve(apikey.ScopeOperationsRead, api.ListQuarantine(s))
	query := map[string]string{"limit": "3"}
	seen := map[string]bool{}
	pages := 0
	for {
		p := decode[quarantinePage](t, call(t, f, list(query, "acme")), 200)
		if len(p.Items) > 3 {
			t.Fatalf("got %+v", p)
		}
		self := queryOf(t, p.Self)
		if self["limit"] != "3" || self["cursor"] != query["cursor"] {
			t.Errorf("self is %s", p.Self)
		}
		for _, d := range p.Items {
			if seen[d.OperationID] {
				t.Errorf("listed twice: %+v", d)
			}
			seen[d.OperationID] = true
			q := inbox.Quarantined{Tenant: "acme", OperationID: d.OperationID, At: now, Authentic: true,
				Digest: sha256OfNothing}
			want := httpapi.QuarantinedDelivery{
				ID:          q.ID(),
				URL:         baseURL + "/v1/quarantine/" + q.ID(),
				State:       inbox.Kept,
				AgentID:     "seller",
				OperationID: d.OperationID,
				Authentic:   true,
				Code:        "conflict",
				Reason:      "why",
				TaskID:      "t",
				Status:      "completed",
				BodySHA256:  sha256OfNothing,
				BodyBytes:   3,
				Header:      map[string]string{"User-Agent": "x"},
				Count:       1,
				FirstAt:     now,
				LastAt:      now,
			}
			if !reflect.DeepEqual(d, want) {
				t.Errorf("listed %+v", d)
			}
		}
		if pages++; p.Next == "" {
			break
		}
		query = queryOf(t, p.Next)
		if query["limit"] != "3" || query["cursor"] == "" {
			t.Fatalf("next is %s", p.Next)
		}
	}
	if len(seen) != 7 || pages < 3 {
		t.Errorf("%d deliveries on %d pages", len(seen), pages)
	}
	other := call(t, f, list(nil, "other"))
	if p := decode[quarantinePage](t, other, 200); len(p.Items) != 0 || p.Items == nil || p.Next != "" {
		t.Errorf("another tenant sees %+v", p)
	}
}

func TestWrongQuarantineQueries(t *testing.T) {
	t.Parallel()
	f := api.Serve(apikey.ScopeOperationsRead, api.ListQuarantine(memory.New(clock)))
	wrong := map[string]string{"received_after": "yesterday", "state": "gone", "authentic": "maybe"}
	p := wantProblem(t, call(t, f, list(wrong, "acme")), 400, "invalid_request")
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Field+" "+string(e.Code))
	}
	want := []string{"authentic invalid_value", "state invalid_value", "received_after invalid_value"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	tooLong := map[string]string{"cursor": strings.Repeat("a", 2000)} // longer than the key of any table
	wantProblem(t, call(t, f, list(tooLong, "acme")), 400, "invalid_cursor")
	wantProblem(t, call(t, f, list(map[string]string{"limit": "1000"}, "acme")), 400, "invalid_request")
}

package httpapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/quota"
)

func TestAPIKeyIsMadeListedRolledAndDeleted(t *testing.T) {
	t.Parallel()
	routes, s := everyRoute(t, api)
	send := func(route, id, body string, headers map[string]string) events.APIGatewayProxyResponse {
		u := routes[route]
		u.path, u.body = map[string]string{"id": id}, body
		e := u.event(route)
		e.Headers = headers
		return call(t, u.function, e)
	}
	create := map[string]string{"Idempotency-Key": "1"}
	const body = `{"name":"ci","scopes":["operations:read","operations:write"],"expires_at":"2026-12-23T12:00:00+01:00"}`
	got := send("POST /v1/api-keys", "", body, create)
	made := decode[httpapi.APIKey](t, got, 201)
	if !strings.HasPrefix(made.Key, "adcp_acme_") || got.Headers["Location"] != made.URL || got.Headers["ETag"] != `"1"` ||
		made.URL != baseURL+"/v1/api-keys/"+made.ID || made.State != apikey.Active || made.CreatedBy.ID != "k" ||
		made.ExpiresAt.Format("2006-01-02T15:04:05Z") != "2026-12-23T11:00:00Z" || strings.Contains(made.Key, made.ID[4:]) {
		t.Errorf("got %+v: %s", got.Headers, got.Body)
	}
	again := send("POST /v1/api-keys", "", body, create)
	if r := decode[httpapi.APIKey](t, again, 200); r.ID != made.ID || r.Key != "" || r.KeyWithheld != "shown_once" ||
		again.Headers["Idempotent-Replayed"] != "true" {
		t.Errorf("a repetition: %+v %s", again.Headers, again.Body)
	}
	wantRefusal(t, "another body", send("POST /v1/api-keys", "", `{"name":"x"}`, create), 409, "idempotency_conflict")
	wantRefusal(t, "no Idempotency-Key", send("POST /v1/api-keys", "", body, nil), 400, "invalid_request")

	list := send("GET /v1/api-keys", "", "", nil)
	all := decode[struct{ Items []httpapi.APIKey }](t, list, 200)
	if len(all.Items) != 2 || strings.Contains(list.Body, "adcp_acme_") || strings.Contains(list.Body, "hash") {
		t.Errorf("listed %s", list.Body)
	}
	shown := send("GET /v1/api-keys/{id}", made.ID, "", nil)
	if v := decode[httpapi.APIKey](t, shown, 200); v.Name != "ci" || v.Key != "" || v.LastUsedAt != nil {
		t.Errorf("got %s", shown.Body)
	}
	same := send("GET /v1/api-keys/{id}", made.ID, "", map[string]string{"If-None-Match": `W/"1"`})
	if same.StatusCode != 304 || same.Body != "" || same.Headers["ETag"] != `"1"` {
		t.Errorf("got %+v", same)
	}

	const roll = `{"overlap_seconds":60}`
	stale := map[string]string{"If-Match": `"7"`}
	wantRefusal(t, "roll", send("POST /v1/api-keys/{id}/roll", made.ID, roll, stale), 412, "version_mismatch")
	wantRefusal(t, "delete", send("DELETE /v1/api-keys/{id}", made.ID, "", stale), 412, "version_mismatch")
	for _, bad := range []string{`{}`, `{"overlap_seconds":-1}`, `{"overlap_seconds":86401}`, `{"overlap_seconds":1.5}`,
		`{"overlap_seconds":null}`, `{"overlap_seconds":"60"}`} {
		fields := wantRefusal(t, bad, send("POST /v1/api-keys/{id}/roll", made.ID, bad, nil), 400, "invalid_request")
		if len(fields) != 1 || fields[0].Field != "overlap_seconds" {
			t.Errorf("%s: named %+v", bad, fields)
		}
	}
	rolled := decode[httpapi.APIKey](t, send("POST /v1/api-keys/{id}/roll", made.ID, roll,
		map[string]string{"If-Match": `"1"`}), 200)
	if rolled.ID != made.ID || rolled.Key == made.Key || rolled.Key == "" || !rolled.OverlapUntil.Equal(now.Add(60e9)) {
		t.Errorf("got %+v", rolled)
	}
	for _, key := range []string{made.Key, rolled.Key} {
		if _, err := apikey.Authorize(t.Context(), s, key, now); err != nil {
			t.Errorf("in the overlap: %v", err)
		}
	}

	for range 2 {
		deleted := send("DELETE /v1/api-keys/{id}", made.ID, "", nil)
		if deleted.StatusCode != 204 || deleted.Body != "" || deleted.Headers["Effective-At"] != "2026-11-23T12:01:00Z" {
			t.Errorf("got %+v", deleted)
		}
	}
	for _, key := range []string{made.Key, rolled.Key} {
		if _, err := apikey.Authorize(t.Context(), s, key, now); err == nil {
			t.Error("a deleted key is admitted")
		}
	}
	v := decode[httpapi.APIKey](t, send("GET /v1/api-keys/{id}", made.ID, "", nil), 200)
	if v.State != apikey.Revoked || v.RevokedBy == nil || v.RevokedBy.ID != "k" || v.OverlapUntil != nil {
		t.Errorf("got %+v", v)
	}
	wantRefusal(t, "roll", send("POST /v1/api-keys/{id}/roll", made.ID, roll, nil), 409, "key_ended")
	last := routes["GET /v1/api-keys/{id}"].path["id"]
	wantRefusal(t, "the last", send("DELETE /v1/api-keys/{id}", last, "", nil), 409, "last_admin_key")
}

func TestNewAPIKeyHasTheLeastScopes(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	const route = "POST /v1/api-keys"
	u := routes[route]
	made := decode[httpapi.APIKey](t, call(t, u.function, u.event(route)), 201)
	if !slices.Equal(made.Scopes, []string{"operations:read", "agents:read"}) || made.ExpiresAt != nil {
		t.Errorf("got %+v", made)
	}
	e := u.event(route)
	e.Headers = map[string]string{"Idempotency-Key": "2"}
	e.RequestContext.Authorizer["scopes"] = "keys:write operations:read"
	fields := wantRefusal(t, "more scopes", call(t, u.function, e), 403, "insufficient_scope")
	if len(fields) != 1 || !strings.Contains(fields[0].Remedy, "leave out agents:read") {
		t.Errorf("named %+v", fields)
	}
}

func TestAPIKeysOfAnotherTenantAreNotFound(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	for _, route := range []string{"GET /v1/api-keys/{id}", "DELETE /v1/api-keys/{id}", "POST /v1/api-keys/{id}/roll"} {
		e := as(routes[route].event(route), "other")
		wantRefusal(t, route, call(t, routes[route].function, e), 404, "not_found")
	}
}

func TestWhoamiNamesTheKeyAndItsLimits(t *testing.T) {
	t.Parallel()
	_, a, _ := newLimited(t, quota.Default)
	e := as(events.APIGatewayProxyRequest{HTTPMethod: "GET", Resource: "/v1/whoami"}, "acme")
	e.RequestContext.Authorizer["key_name"], e.RequestContext.Authorizer["scopes"] = "desk", "operations:read"
	e.RequestContext.Authorizer["key_expires_at"] = "2027-01-31T00:00:00Z"
	got := call(t, a.Serve("", a.Whoami("v1.2.0")), e)
	const want = `{"tenant":"acme","key":{"id":"k","name":"desk","scopes":["operations:read"],` +
		`"expires_at":"2027-01-31T00:00:00Z"},"release":"v1.2.0","limits":{` +
		`"requests_per_second":{"name":"requests_per_second","value":200,"burst":400},` +
		`"submissions_per_second":{"name":"submissions_per_second","value":100,"burst":200},` +
		`"agents":{"name":"agents","value":1000},"open_operations":{"name":"open_operations","value":100000}}}`
	if got.StatusCode != 200 || got.Body != want {
		t.Errorf("got %d %s", got.StatusCode, got.Body)
	}
}

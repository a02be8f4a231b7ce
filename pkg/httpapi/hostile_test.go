package httpapi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/validation"
)

// Every route that a function serves to clients is under test here.
func TestEveryRouteIsUnderTest(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	mains, err := filepath.Glob(filepath.Join("..", "..", "functions", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatal(mains, err)
	}
	served := 0
	for _, main := range mains {
		source, err := os.ReadFile(main)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"([A-Z]+ /v1/[^"]*)":`).FindAllStringSubmatch(string(source), -1) {
			if served++; routes[m[1]].function == nil {
				t.Errorf("%s serves %s: add it to everyRoute", main, m[1])
			}
		}
	}
	if served < len(routes) {
		t.Errorf("%d routes are served, %d are under test", served, len(routes))
	}
}

// leak finds what a client must not learn: names of Go's types and packages, of AWS's resources,
// and of our own insides.
var leak = regexp.MustCompile(`(?i)json:|unmarshal|\bstruct\b|\bgo (type|value)|interface \{\}|map\[|goroutine|` +
	`\.go:|httpapi|apikey\.|dynamo|arn:aws|panic|nil pointer|strconv|invalid character|pkg/|api_key_record`)

// wantRefusal checks that an answer is a complete problem of the client's: every wrong field with
// its rule and its remedy, and nothing of our own.
func wantRefusal(t *testing.T, what string, got events.APIGatewayProxyResponse, status int, code string,
) []validation.FieldError {
	t.Helper()
	p := wantProblem(t, got, status, code)
	if len(p.Errors) == 0 && (status == 400 || status == 413) {
		t.Errorf("%s: no field is named", what)
	}
	for _, f := range p.Errors {
		if f.Field == "" || f.Code == "" || !strings.HasPrefix(f.Rule, "must") || f.Remedy == "" {
			t.Errorf("%s: incomplete: %+v", what, f)
		}
	}
	if found := leak.FindString(got.Body); found != "" {
		t.Errorf("%s: the answer says %q: %s", what, found, got.Body)
	}
	if t.Failed() {
		t.Fatalf("%s: %s", what, got.Body)
	}
	return p.Errors
}

// badBodies are bodies that no route takes.
var badBodies = map[string]string{
	"no body":            "",
	"white space":        " \r\n\t",
	"a byte order mark":  "\xef\xbb\xbf{}",
	"UTF-16":             "\xff\xfe{\x00}\x00",
	"compressed":         "\x1f\x8b\x08\x00\x00",
	"NUL":                "{\"a\":\x00}",
	"an array":           `[]`,
	"a string":           `"x"`,
	"null":               `null`,
	"a number":           `12`,
	"cut off":            `{"name":"x`,
	"two values":         `{} {}`,
	"a comma too many":   `{"name":"x",}`,
	"single quotes":      `{'name':'x'}`,
	"a duplicate member": `{"name":"x","name":"y"}`,
	"a hidden duplicate": `{"name":"x","na\u006de":"y"}`,
	"a deep one":         strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200),
	"form encoding":      "name=x&scopes=y",
	"XML":                `<?xml version="1.0"?><a/>`,
}

func TestNoRouteTakesABadBody(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	bodies, answers := 0, 0
	for route, u := range routes {
		if u.body == "" {
			continue
		}
		bodies++
		for what, body := range badBodies {
			if strings.Contains(route, "/read/") && strings.TrimSpace(body) == "" {
				continue // a read without arguments
			}
			got := call(t, u.function, withBody(u.event(route), body))
			fields := wantRefusal(t, route+": "+what, got, 400, "invalid_request")
			if answers++; !slices.ContainsFunc(fields, func(f validation.FieldError) bool { return f.Field == "(body)" }) {
				t.Errorf("%s: %s names %+v", route, what, fields)
			}
		}
		surplus := strings.Replace(u.body, "{", `{"surplus<script>":1,`, 1)
		if !strings.Contains(route, "/read/") { // AdCP's own members are the agent's
			wantRefusal(t, route+": an unknown member", call(t, u.function, withBody(u.event(route), surplus)), 400,
				"invalid_request")
		}
		latin := strings.Replace(u.body, "{", "{\"note\":\"caf\xe9\",", 1)
		wantRefusal(t, route+": Latin-1", call(t, u.function, withBody(u.event(route), latin)), 400, "invalid_request")
		for _, bytes := range []int{1<<20 + 1, 10_000_000} {
			large := withBody(u.event(route), strings.Repeat("{", bytes)) // parsing it would fail otherwise
			wantRefusal(t, route+": too large", call(t, u.function, large), 413, "too_large")
		}
		broken := u.event(route)
		broken.Body, broken.IsBase64Encoded = "%%%", true
		wantRefusal(t, route+": no base64", call(t, u.function, broken), 400, "malformed_body")
	}
	t.Logf("%d routes take a body; %d bad bodies of each were refused: %d answers", bodies, len(badBodies), answers)
}

// Each member of a body of ours that has another type is named.
func TestMembersOfAnotherTypeAreNamed(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	for route, members := range map[string][]string{
		"POST /v1/operations":            {"agent_id", "type", "request", "not_after", "dedupe_by", "on_conflict"},
		"POST /v1/operations/{id}/input": {"generation", "input", "on_behalf_of"},
		"PUT /v1/agents/{id}": {"url", "transport", "credential_ref", "webhook_mode", "webhook_format",
			"brand_json_url", "poll"},
		"PUT /v1/agents/{id}/keys":    {"jwks_uri"},
		"POST /v1/api-keys":           {"name", "scopes", "expires_at"},
		"POST /v1/api-keys/{id}/roll": {"overlap_seconds"},
	} {
		u := routes[route]
		for _, name := range members {
			for _, value := range []string{`true`, `[[]]`, `"\u202e"`, `-1.5`, `{"a":{}}`} {
				if name == "request" && value[0] == '{' || name == "input" && value[0] == '{' {
					continue // that is an object, and its members are checked elsewhere
				}
				body := `{"` + name + `":` + value + `}`
				what := route + ": " + body
				fields := wantRefusal(t, what, call(t, u.function, withBody(u.event(route), body)), 400, "invalid_request")
				named := func(f validation.FieldError) bool { return strings.HasPrefix(f.Field, name) }
				if !slices.ContainsFunc(fields, named) {
					t.Errorf("%s: named %+v", what, fields)
				}
			}
		}
	}
}

func TestEveryRouteRefusesUnknownParameters(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	for route, u := range routes {
		for _, name := range []string{"limt", "Limit", "<script>", "", strings.Repeat("x", 5000), "cursor[]"} {
			e := u.event(route)
			e.QueryStringParameters = map[string]string{name: "1"}
			fields := wantRefusal(t, route+": "+name, call(t, u.function, e), 400, "unknown_parameter")
			if len(fields) != 1 || fields[0].Code != "unknown_parameter" {
				t.Errorf("%s: named %+v", route, fields)
			}
		}
	}
	u := routes["GET /v1/api-keys"]
	e := u.event("GET /v1/api-keys")
	e.QueryStringParameters = map[string]string{"curosr": "x"}
	p := wantProblem(t, call(t, u.function, e), 400, "unknown_parameter")
	if !strings.Contains(p.Errors[0].Remedy, "write cursor ") {
		t.Errorf("named %+v", p.Errors)
	}
	e.QueryStringParameters, e.MultiValueQueryStringParameters = nil, map[string][]string{"limit": {"1", "200"}}
	wantRefusal(t, "a parameter twice", call(t, u.function, e), 400, "invalid_request")
}

func TestEveryListRefusesBadParameters(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	for _, route := range []string{"GET /v1/api-keys", "GET /v1/audit-events", "GET /v1/quarantine"} {
		for name, values := range map[string][]string{
			"limit":          {"0", "-1", "201", "x", "1e2", "99999999999999999999"},
			"cursor":         {"!", "bnVsbA", strings.Repeat("a", 9000), "eyJ2IjoxfQ"},
			"created_after":  {"yesterday", "2026-11-23", "2026-11-23T12:00:00 01:00"},
			"created_before": {"0"},
		} {
			if strings.HasPrefix(name, "created") && route != "GET /v1/audit-events" {
				continue
			}
			for _, value := range values {
				u := routes[route]
				e := u.event(route)
				e.QueryStringParameters = map[string]string{name: value}
				code := "invalid_request"
				if name == "cursor" {
					code = "invalid_cursor"
				}
				fields := wantRefusal(t, route+": "+name+"="+value, call(t, u.function, e), 400, code)
				if len(fields) != 1 || fields[0].Field != name {
					t.Errorf("%s: named %+v", route, fields)
				}
			}
		}
	}
}

func TestEveryRouteNeedsItsScope(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	for route, u := range routes {
		e := u.event(route)
		e.RequestContext.Authorizer = nil
		wantRefusal(t, route+": no key", call(t, u.function, e), 401, "unauthorized")
		if u.scope == "" {
			continue
		}
		others := slices.DeleteFunc(apikey.Scopes(), func(s string) bool { return s == u.scope })
		e = u.event(route)
		e.RequestContext.Authorizer["scopes"] = strings.Join(others, " ")
		got := call(t, u.function, e)
		wantRefusal(t, route, got, 403, "insufficient_scope")
		if !strings.Contains(got.Body, "lacks the scope "+u.scope) {
			t.Errorf("%s: %s", route, got.Body)
		}
	}
}

func TestIDsThatCannotBeAreNotFound(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	for route, u := range routes {
		if u.path == nil {
			continue
		}
		for _, id := range []string{"", "a b", "../x", "op_\x00", strings.Repeat("x", 5000), "key_" + strings.Repeat("a", 16),
			"op_" + strings.Repeat("a", 26), "%2e%2e", "\u202e"} {
			e := u.event(route)
			e.PathParameters = map[string]string{"id": id, "task": "get_products"}
			if route == "PUT /v1/agents/{id}" { // which makes what is not there
				if regexp.MustCompile(`^[\w-]+$`).MatchString(id) && len(id) < 64 {
					continue
				}
				wantRefusal(t, route+": "+id, call(t, u.function, e), 400, "invalid_request")
				continue
			}
			wantRefusal(t, route+": "+id, call(t, u.function, e), 404, "not_found")
		}
	}
}

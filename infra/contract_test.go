package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpapi/contract"
)

// What API Gateway answers itself is described: each operation documents these answers, and the
// bodies have the form of a problem. The answers to requests that no operation describes have that
// form as well.
func TestContractGatewayAnswers(t *testing.T) {
	t.Parallel()
	undescribed := []string{"no_such_route", "unsupported_media_type"}
	api, produced := contract.API(), map[string]bool{}
	for _, p := range gatewayProblems {
		body := strings.ReplaceAll(p.body(), "$context.requestId", "5f0c2a41-8f5e-4d7a-9d0a-3f5a2c1b7e10")
		if p.status == 0 { // API Gateway's own status, of which there are many
			body = strings.Replace(body, `"code"`, `"status":500,"code"`, 1)
		}
		if err := api.CheckSchema("Problem", []byte(body)); err != nil {
			t.Errorf("%s: %v: %s", p.kind, err, body)
		}
		if p.status == 0 || slices.Contains(undescribed, p.code) {
			continue
		}
		header := http.Header{"Content-Type": {commonHeaders["Content-Type"]}}
		for name, v := range p.headers {
			header.Set(name, v)
		}
		for _, o := range api.Operations() {
			_, described := o.Answers[p.status]
			aboutBody := slices.Contains([]string{"too_large", "malformed_body"}, p.code)
			aboutKey := slices.Contains([]string{"unauthorized", "forbidden"}, p.code)
			if aboutBody && !o.TakesBody() || aboutKey && (!o.NeedsKey || !described) { // it takes no body, or needs no key
				continue
			}
			_, faults := api.Check(contract.Exchange{Method: o.Method, Path: o.Path, Status: p.status, AnswerHeader: header,
				Answer: []byte(body)})
			for _, fault := range faults {
				t.Errorf("%s: %s", p.kind, fault)
			}
			if described && o.Answers[p.status].Gateway {
				produced[o.ID+http.StatusText(p.status)] = true
			}
		}
	}
	want := 0
	for _, o := range api.Operations() {
		for status, answer := range o.Answers {
			if answer.Gateway {
				if want++; !produced[o.ID+http.StatusText(status)] {
					t.Errorf("%s, %d: API Gateway has no such answer", o.ID, status)
				}
			}
		}
	}
	t.Logf("documented answers of API Gateway: %d of %d", len(produced), want)
}

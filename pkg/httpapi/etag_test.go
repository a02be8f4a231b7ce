package httpapi_test

import (
	"errors"
	"net/http"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/validation"
)

// statusOf is the status of an error that a handler returns, 0 of none.
func statusOf(err error) int {
	var p httpapi.Problem
	switch {
	case err == nil:
		return 0
	case errors.As(err, &p):
		return p.Status
	case errors.As(err, new(*validation.Error)):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// RFC 9110, 13.1.1 and 13.1.2: If-Match compares strongly, If-None-Match weakly.
func TestEntityTagsAreCompared(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		tags      string
		match     int
		unchanged bool
	}{
		{`"47"`, 0, true}, {`*`, 0, true}, {` "46" ,	"47" `, 0, true}, {`"a,b", "47"`, 0, true}, {`,,"47",`, 0, true},
		{`W/"47"`, 412, true}, {`W/"46","47"`, 0, true}, {`"46"`, 412, false}, {`""`, 412, false}, {`"047"`, 412, false},
		{`47`, 400, false}, {`"47`, 400, false}, {`w/"47"`, 400, false}, {`"46" "47"`, 400, false},
		{`"46"; "47"`, 400, false},
		{`*, "47"`, 400, false},
	} {
		match := httpapi.Request{Header: http.Header{"If-Match": {tc.tags}}}
		if got := statusOf(match.CheckVersion(47, true)); got != tc.match {
			t.Errorf("If-Match: %s: got %d, want %d", tc.tags, got, tc.match)
		}
		none := httpapi.Request{Header: http.Header{"If-None-Match": {tc.tags}}}
		if none.Unchanged(47) != tc.unchanged {
			t.Errorf("If-None-Match: %s: unchanged is %v", tc.tags, !tc.unchanged)
		}
	}
	several := httpapi.Request{Header: http.Header{"If-Match": {`"1"`, `"47"`}}}
	absent := httpapi.Request{Header: http.Header{}}
	if statusOf(several.CheckVersion(47, false)) != 0 || statusOf(absent.CheckVersion(47, false)) != 0 ||
		statusOf(absent.CheckVersion(47, true)) != 428 || absent.Unchanged(47) {
		t.Error("several headers, or none")
	}
	if httpapi.ETag(47) != `"47"` {
		t.Errorf("got %s", httpapi.ETag(47))
	}
}

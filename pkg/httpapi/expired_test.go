package httpapi_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

func TestAnExpiredOperationIsNotFoundAndNotSubmittedAgain(t *testing.T) {
	t.Parallel()
	s, submit := newSubmit(t, operation.WebhookHMAC)
	show := api.Serve(apikey.ScopeOperationsRead, api.ShowOperation(s, httpapi.Waits{}))
	e := request(t, "submit")
	id := decode[httpapi.Operation](t, call(t, submit, e), 202).ID
	read := request(t, "wait")
	read.PathParameters = map[string]string{"id": id}
	expireAt := func(at time.Time) {
		op, err := s.Get(t.Context(), "acme", id)
		if err != nil {
			t.Fatal(err)
		}
		op.State, op.ExpiresAt, op.Version = operation.Completed, at, op.Version+1
		if err := s.Commit(t.Context(), operation.Change{Op: op}); err != nil {
			t.Fatal(err)
		}
	}
	expireAt(now.Add(time.Hour))
	if op := decode[httpapi.Operation](t, call(t, show, read), 200); !op.ExpiresAt.Equal(now.Add(time.Hour)) {
		t.Errorf("it expires at %v", op.ExpiresAt)
	}
	expireAt(now)
	wantProblem(t, call(t, show, read), 404, "not_found")
	for name, again := range map[string]func() httpapi.Problem{
		"the same key": func() httpapi.Problem { return wantProblem(t, call(t, submit, e), 410, "operation_expired") },
		"the same purchase order": func() httpapi.Problem {
			return wantProblem(t, call(t, submit, withKey(e, "k-2")), 410, "operation_expired")
		},
	} {
		if p := again(); p.OperationID != id {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}

package notices_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/wire/notices"
)

// A signal is bounded, and one that fails silences the next ones for a while: writes must not wait
// for a bus that is away.
func TestAFailedSignalIsNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	now, sent, fault := time.Unix(1700000000, 0), 0, errors.New("no bus")
	s := &notices.Signals{Now: func() time.Time { return now }, Send: func(ctx context.Context, r notice.Ref) error {
		if _, bounded := ctx.Deadline(); !bounded || r.OperationID != "op_1" {
			t.Errorf("sent %+v, bounded %v", r, bounded)
		}
		sent++
		return fault
	}}
	r := notice.Ref{Tenant: "acme", OperationID: "op_1"}
	for range 3 {
		s.Signal(t.Context(), r)
	}
	if sent != 1 {
		t.Errorf("sent %d times to a bus that is away", sent)
	}
	now, fault = now.Add(time.Minute), nil
	for range 3 {
		s.Signal(t.Context(), r)
	}
	if sent != 4 {
		t.Errorf("sent %d times", sent)
	}
}

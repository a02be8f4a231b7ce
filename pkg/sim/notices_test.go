package sim

import (
	"fmt"
	"slices"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
)

// noticeProblems are what is wrong with what consumers were told of an operation at the end of its
// world: everything that its timeline tells, in its order, and nothing else.
func noticeProblems(w *World, r operation.Record) (problems []string) {
	got := idsOf(w.Told[r.Op.ID])
	if want := w.toldBy(r); !slices.Equal(got, want) {
		problems = append(problems, fmt.Sprintf("told %v, want %v", got, want))
	}
	ends := 0
	for _, n := range w.Told[r.Op.ID] {
		if n.ID == notice.EndID(r.Op.ID) {
			ends++
		}
	}
	if (ends == 1) != r.Op.State.Terminal() {
		problems = append(problems, fmt.Sprintf("%s, and %d notices of its end", r.Op.State, ends))
	}
	return problems
}

// toldBy are the ids of the notices that an operation's stored timeline carries.
func (w *World) toldBy(r operation.Record) []string {
	told, err := w.Store.Notices(r.Op.Tenant, r.Op.ID)
	if err != nil {
		return []string{err.Error()}
	}
	return idsOf(told)
}

func idsOf(told []notice.Notice) (ids []string) {
	for _, n := range told {
		if n.Type != notice.WebhookQuarantined { // which stands on no timeline
			ids = append(ids, n.ID)
		}
	}
	return ids
}

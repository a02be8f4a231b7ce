package storetest

import (
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
)

const today, tomorrow = "2026-11-23", "2026-11-24"

func (s *suite) authentic(digest string) inbox.Quarantined {
	return inbox.Quarantined{
		Tenant:      s.tenant,
		AgentID:     "seller",
		OperationID: "op_1",
		At:          Start,
		Authentic:   true,
		Code:        "webhook_unapplied",
		Reason:      "why",
		Digest:      digest,
		Size:        17,
		Header:      map[string]string{"Content-Type": "application/json"},
		TaskID:      "task_1",
		Status:      "completed",
	}
}

func (s *suite) unverified(code string) inbox.Quarantined {
	return inbox.Quarantined{
		Tenant:      s.tenant,
		AgentID:     "seller",
		OperationID: "op_1",
		At:          Start,
		Code:        code,
		Reason:      "why",
		Digest:      "abc",
		Size:        17,
		Header:      map[string]string{"User-Agent": "x"},
	}
}

// quarantined reads all pages of a day.
func (s *suite) quarantined(t *testing.T, tenant, day string, limit int) []inbox.Quarantined {
	t.Helper()
	var all []inbox.Quarantined
	for after, pages := "", 0; ; pages++ {
		page, next, err := s.Quarantined(t.Context(), tenant, day, after, limit)
		must(t, err)
		if len(page) > limit || pages > 1000 {
			t.Fatalf("page %d has %d of at most %d", pages, len(page), limit)
		}
		if all = append(all, page...); next == "" {
			return all
		}
		after = next
	}
}

func quarantineCountsRepetitions(t *testing.T, s *suite) {
	later := Start.Add(time.Minute + time.Millisecond/8)
	firsts := []inbox.Quarantined{s.authentic("abc"), s.unverified("webhook_signature_invalid")}
	for _, first := range firsts {
		must(t, s.Quarantine(t.Context(), first))
		again := first
		again.At, again.Reason, again.Header = later, "another", map[string]string{"X": "y"}
		again.Size, again.TaskID = 99, "task_2"
		if !again.Authentic {
			again.Digest = "def" // an equal code is enough
		}
		must(t, s.Quarantine(t.Context(), again))
	}
	found := s.quarantined(t, s.tenant, today, 100)
	if len(found) != 2 {
		t.Fatalf("got %+v", found)
	}
	for i, first := range firsts {
		got := found[i]
		if got.Count != 2 || !got.LastAt.Equal(later) || !got.At.Equal(Start) {
			t.Errorf("got count %d, first %v, last %v", got.Count, got.At, got.LastAt)
		}
		got.At, got.Count, got.LastAt = first.At, 0, time.Time{}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", first) {
			t.Errorf("got  %+v\nwant %+v", got, first)
		}
	}
	// Another digest, code, operation or day is no repetition. An unverified delivery is never the
	// repetition of an authentic one.
	digest, code, forged := s.authentic("def"), s.unverified("other"), s.unverified("abc")
	operation, day := s.authentic("abc"), s.authentic("abc")
	operation.OperationID = "op_2"
	day.At = day.At.Add(24 * time.Hour)
	for _, q := range []inbox.Quarantined{digest, code, operation, day, forged} {
		must(t, s.Quarantine(t.Context(), q))
	}
	n, m := len(s.quarantined(t, s.tenant, today, 100)), len(s.quarantined(t, s.tenant, tomorrow, 100))
	if n != 6 || m != 1 {
		t.Errorf("%d and %d stored", n, m)
	}
	if other := s.quarantined(t, s.tenant+"x", today, 100); len(other) != 0 {
		t.Errorf("another tenant got %+v", other)
	}
}

func quarantineCountsConcurrently(t *testing.T, s *suite) {
	for _, q := range []inbox.Quarantined{s.authentic("abc"), s.unverified("webhook_signature_invalid")} {
		race(t, 16, func(int) error { return s.Quarantine(background, q) }, noError)
	}
	found := s.quarantined(t, s.tenant, today, 100)
	if len(found) != 2 || found[0].Count != 16 || found[1].Count != 16 {
		t.Errorf("got %+v", found)
	}
}

func quarantineHasLimitedRoom(t *testing.T, s *suite) {
	const writers = 8
	digest := func(i int) string { return fmt.Sprintf("%03d", i) }
	must(t, s.Quarantine(t.Context(), s.unverified("takes no room")))
	stored := make([]int, writers)
	race(t, writers, func(w int) error {
		for i := w; i < inbox.MaxQuarantined+20; i += writers {
			if err := s.Quarantine(background, s.authentic(digest(i))); err == nil {
				stored[w]++
			} else if !isFull(err) {
				return err
			}
		}
		return nil
	}, noError)
	total := 0
	for _, n := range stored {
		total += n
	}
	found := s.quarantined(t, s.tenant, today, 1000)
	if total != inbox.MaxQuarantined || len(found) != total+1 {
		t.Fatalf("%d accepted, %d stored", total, len(found))
	}
	want(t, s.Quarantine(t.Context(), s.authentic("one more")), store.ErrFull)
	must(t, s.Quarantine(t.Context(), s.authentic(found[0].Digest))) // a repetition needs no room
	if again := s.quarantined(t, s.tenant, today, 1); again[0].Digest != found[0].Digest || again[0].Count != 2 {
		t.Errorf("got %+v", again[0])
	}
	operation, day, tenant := s.authentic("one more"), s.authentic("one more"), s.authentic("one more")
	operation.OperationID = "op_2"
	day.At = day.At.Add(24 * time.Hour)
	tenant.Tenant += "x"
	for _, q := range []inbox.Quarantined{operation, day, tenant, s.unverified("other")} {
		must(t, s.Quarantine(t.Context(), q))
	}
}

func quarantineIsPaged(t *testing.T, s *suite) {
	for i := range 10 {
		q := s.authentic(fmt.Sprint(i))
		if i%2 == 0 {
			q = s.unverified(fmt.Sprint(i))
		}
		q.OperationID = fmt.Sprintf("op_%d", i%3)
		must(t, s.Quarantine(t.Context(), q))
	}
	all := s.quarantined(t, s.tenant, today, 100)
	for _, limit := range []int{1, 3, 5, 10, 11} {
		found, seen := s.quarantined(t, s.tenant, today, limit), map[string]bool{}
		for i, q := range found {
			seen[fmt.Sprint(q.OperationID, q.Authentic, q.Digest, q.Code)] = true
			if i < len(all) && fmt.Sprintf("%+v", q) != fmt.Sprintf("%+v", all[i]) {
				t.Errorf("limit %d: position %d has %+v", limit, i, q)
			}
		}
		if len(found) != 10 || len(seen) != 10 {
			t.Errorf("limit %d: %d records, %d different ones", limit, len(found), len(seen))
		}
	}
	// A record that is stored between two pages does not shift the later pages.
	first, next, err := s.Quarantined(t.Context(), s.tenant, today, "", 5)
	must(t, err)
	early := s.authentic("early")
	early.OperationID = "op_"
	must(t, s.Quarantine(t.Context(), early))
	rest, _, err := s.Quarantined(t.Context(), s.tenant, today, next, 100)
	must(t, err)
	if len(first) != 5 || len(rest) != 5 || fmt.Sprintf("%+v", rest) != fmt.Sprintf("%+v", all[5:]) {
		t.Errorf("after the first 5 of 10 came %+v", rest)
	}
}

func quarantineExpires(t *testing.T, s *suite) {
	late := s.authentic("late")
	late.At = Start.Add(time.Hour)
	for _, q := range []inbox.Quarantined{s.authentic("early"), s.unverified("early"), late} {
		must(t, s.Quarantine(t.Context(), q))
	}
	for after, n := range map[time.Duration]int{0: 3, 2 * time.Second: 1, time.Hour: 1, time.Hour + 2*time.Second: 0} {
		s.at.Store(Start.Add(inbox.QuarantineFor + after).UnixNano())
		if found := s.quarantined(t, s.tenant, today, 2); len(found) != n {
			t.Errorf("%v after the end of the first: %d listed", after, len(found))
		}
	}
}

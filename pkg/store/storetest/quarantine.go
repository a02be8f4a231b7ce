package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
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
	from, err := time.Parse(time.DateOnly, day)
	must(t, err)
	var all []inbox.Quarantined
	for after, pages := "", 0; ; pages++ {
		page, next, err := s.QuarantinePage(t.Context(), tenant, from, from.Add(24*time.Hour), after, limit)
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
	for _, first := range firsts {
		got, err := s.QuarantinedByID(t.Context(), s.tenant, first.ID())
		must(t, err)
		if got.Count != 2 || !got.LastAt.Equal(later) || !got.At.Equal(Start) {
			t.Errorf("got count %d, first %v, last %v", got.Count, got.At, got.LastAt)
		}
		got.At, got.Count, got.LastAt, got.State, got.Position = first.At, 0, time.Time{}, "", ""
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
	found = slices.DeleteFunc(found, func(q inbox.Quarantined) bool { return !q.Authentic })
	must(t, s.Quarantine(t.Context(), s.authentic(found[0].Digest))) // a repetition needs no room
	if again, err := s.QuarantinedByID(t.Context(), s.tenant, s.authentic(found[0].Digest).ID()); err != nil ||
		again.Count != 2 {
		t.Errorf("got %+v, %v", again, err)
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
		q.At = Start.Add(time.Duration(i/3) * time.Second)
		must(t, s.Quarantine(t.Context(), q))
	}
	all := s.quarantined(t, s.tenant, today, 100)
	for i := range all[1:] {
		if all[i+1].At.After(all[i].At) {
			t.Errorf("%v comes before %v", all[i].At, all[i+1].At)
		}
	}
	for _, limit := range []int{1, 3, 5, 10, 11} {
		found := s.quarantined(t, s.tenant, today, limit)
		if fmt.Sprintf("%+v", found) != fmt.Sprintf("%+v", all) || len(all) != 10 {
			t.Errorf("limit %d: %d records %+v", limit, len(found), found)
		}
	}
	// A record that is stored between two pages does not shift the later pages.
	first, next, err := s.QuarantinePage(t.Context(), s.tenant, time.Time{}, time.Time{}, "", 5)
	must(t, err)
	newer := s.authentic("newer")
	newer.At = Start.Add(time.Minute)
	must(t, s.Quarantine(t.Context(), newer))
	rest, _, err := s.QuarantinePage(t.Context(), s.tenant, time.Time{}, time.Time{}, next, 100)
	must(t, err)
	if len(first) != 5 || len(rest) != 5 || fmt.Sprintf("%+v", rest) != fmt.Sprintf("%+v", all[5:]) {
		t.Errorf("after the first 5 of 10 came %+v", rest)
	}
	// The bounds: from a second on, and before another.
	some, _, err := s.QuarantinePage(t.Context(), s.tenant, Start.Add(time.Second), Start.Add(2*time.Second), "", 100)
	must(t, err)
	if len(some) != 3 {
		t.Errorf("in the second second came %+v", some)
	}
}

func quarantineKeepsBodies(t *testing.T, s *suite) {
	incompressible := make([]byte, inbox.MaxBody)
	seed := rand.NewChaCha8([32]byte{1})
	_, _ = seed.Read(incompressible)
	for digest, body := range map[string][]byte{"small": []byte(`{"status":"completed"}`), "large": incompressible} {
		q := s.authentic(digest)
		q.Body = body
		must(t, s.Quarantine(t.Context(), q))
		again := q
		again.Body = []byte("another")
		must(t, s.Quarantine(t.Context(), again))
		got, err := s.QuarantinedBody(t.Context(), s.tenant, q.ID())
		must(t, err)
		if !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes came back of %d", digest, len(got), len(body))
		}
		_, err = s.QuarantinedBody(t.Context(), s.tenant+"x", q.ID())
		want(t, err, store.ErrNotFound)
	}
	forged, none := s.unverified("code"), s.authentic("none")
	forged.Body = []byte("a stranger's")
	for _, q := range []inbox.Quarantined{forged, none} {
		must(t, s.Quarantine(t.Context(), q))
		_, err := s.QuarantinedBody(t.Context(), s.tenant, q.ID())
		want(t, err, store.ErrNotFound)
	}
	s.at.Store(Start.Add(inbox.BodyFor + 2*time.Second).UnixNano())
	_, err := s.QuarantinedBody(t.Context(), s.tenant, s.authentic("small").ID())
	want(t, err, store.ErrNotFound)
	_, err = s.QuarantinedByID(t.Context(), s.tenant, s.authentic("small").ID())
	must(t, err)
}

func quarantinedAreHandled(t *testing.T, s *suite) {
	q := s.authentic("abc")
	h := inbox.Handled{At: Start, Reason: "why", Actor: operation.Actor{Type: operation.ActorAPIKey, ID: "k"}}
	want(t, s.HandleQuarantined(t.Context(), s.tenant, q.ID(), inbox.Discarded, h), store.ErrNotFound)
	_, err := s.QuarantinedByID(t.Context(), s.tenant, q.ID())
	want(t, err, store.ErrNotFound)
	must(t, s.Quarantine(t.Context(), q))
	expect := func(state inbox.QuarantineState, h inbox.Handled, count int64) {
		t.Helper()
		got, err := s.QuarantinedByID(t.Context(), s.tenant, q.ID())
		must(t, err)
		if got.State != state || got.Handled != h || got.Count != count {
			t.Errorf("got %s %+v count %d", got.State, got.Handled, got.Count)
		}
	}
	expect(inbox.Kept, inbox.Handled{}, 1)
	must(t, s.HandleQuarantined(t.Context(), s.tenant, q.ID(), inbox.Discarded, h))
	expect(inbox.Discarded, h, 1)
	must(t, s.Quarantine(t.Context(), q)) // a repetition changes nothing of it
	expect(inbox.Discarded, h, 2)
	replayed := h
	replayed.Verdict = operation.Advanced
	must(t, s.HandleQuarantined(t.Context(), s.tenant, q.ID(), inbox.Replayed, replayed))
	want(t, s.HandleQuarantined(t.Context(), s.tenant, q.ID(), inbox.Discarded, h), store.ErrStale)
	want(t, s.HandleQuarantined(t.Context(), s.tenant, q.ID(), inbox.Replayed, h), store.ErrStale)
	expect(inbox.Replayed, replayed, 2)
}

// aReplayTakesAConflictsKey shows that a replay takes the key of its own payload over only if that
// was a conflict.
func aReplayTakesAConflictsKey(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	claim := func(key string, verdict operation.Verdict, fingerprint, replay string) error {
		c := next(op)
		c.Delivery = &operation.Delivery{Tenant: s.tenant, Sender: sender, KeyHash: key, Fingerprint: fingerprint,
			OperationID: op.ID, Verdict: verdict, Replay: replay, ExpiresAt: Start.Add(time.Hour).Unix()}
		err := s.Commit(t.Context(), c)
		if err == nil {
			op = c.Op
		}
		return err
	}
	_, err := s.Delivery(t.Context(), s.tenant, sender, "k1")
	want(t, err, store.ErrNotFound)
	for key, verdict := range map[string]operation.Verdict{"k1": operation.Conflict, "k2": operation.WrongTask} {
		must(t, claim(key, verdict, "f", ""))
		if err := claim(key, operation.Advanced, "f", ""); !isDeliveryTaken(err) {
			t.Errorf("the delivery again: %v", err)
		}
		if err := claim(key, operation.Advanced, "other", "qd_1"); !isDeliveryTaken(err) {
			t.Errorf("a replay of another payload: %v", err)
		}
		must(t, claim(key, operation.Advanced, "f", "qd_1"))
		if err := claim(key, operation.Advanced, "f", "qd_1"); !isDeliveryTaken(err) {
			t.Errorf("the replay again: %v", err)
		}
		d, err := s.Delivery(t.Context(), s.tenant, sender, key)
		if err != nil || d.Verdict != operation.Advanced || d.Replay != "qd_1" || d.Fingerprint != "f" {
			t.Errorf("got %+v, %v", d, err)
		}
	}
	must(t, claim("k3", operation.Advanced, "f", ""))
	if err := claim("k3", operation.Advanced, "f", "qd_1"); !isDeliveryTaken(err) {
		t.Errorf("a replay of what was applied: %v", err)
	}
	s.at.Store(Start.Add(2 * time.Hour).UnixNano())
	_, err = s.Delivery(t.Context(), s.tenant, sender, "k3")
	want(t, err, store.ErrNotFound)
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

package storetest

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

const sender = "aaaabbbbccccdddd"

func (s *suite) nonce(value string) inbox.Nonce {
	return inbox.Nonce{Tenant: s.tenant, Sender: sender, KeyID: "key#1", Value: value}
}

// arrive reads what is known of a delivery for an operation with the nonce's signature, with room for most.
func (s *suite) arrive(t *testing.T, opID string, n inbox.Nonce, most int) inbox.DeliveryContext {
	t.Helper()
	got, err := s.LoadDelivery(t.Context(), inbox.DeliveryQuery{Route: inbox.CallbackToken{Tenant: n.Tenant, Sender: n.Sender, OperationID: opID},
		KeyID: n.KeyID, Nonce: n.Value, MaxNonces: most})
	must(t, err)
	return got
}

func arrivalKnowsEverything(t *testing.T, s *suite) {
	n := s.nonce("n1")
	if got := s.arrive(t, "op_1", n, 0); got.Operation.ID != "" || got.Keyring.Version != 0 || got.Keyring.Body != nil || got.NonceSeen || got.NonceFull {
		t.Errorf("of nothing is known %+v", got)
	}
	op := s.create(t, "op_1")
	change := next(op)
	change.Op.TaskToken = "token"
	must(t, s.Commit(t.Context(), change))
	must(t, s.PutKeyring(t.Context(), s.tenant, sender, store.Document{Version: 1, Body: []byte{0, 1, 255}}))
	must(t, s.ClaimNonce(t.Context(), n, Start.Add(time.Minute), 1000))
	got := s.arrive(t, "op_1", n, 0)
	if got.Operation.ID != op.ID || got.Operation.Version != 2 || got.Operation.TaskToken != "token" || !got.Operation.Deadline.Equal(op.Deadline) {
		t.Errorf("got operation %+v", got.Operation)
	}
	if got.Keyring.Version != 1 || string(got.Keyring.Body) != "\x00\x01\xff" || !got.NonceSeen || got.NonceFull {
		t.Errorf("got keyring %+v, seen %v, full %v", got.Keyring, got.NonceSeen, got.NonceFull)
	}
	if got := s.arrive(t, "op_2", s.nonce("n2"), 0); got.Operation.ID != "" || got.Keyring.Version != 1 || got.NonceSeen {
		t.Errorf("of another operation and nonce is known %+v", got)
	}
	bare := inbox.Nonce{Tenant: s.tenant, Sender: sender} // a delivery without a signature
	if got := s.arrive(t, "op_1", bare, 0); got.Operation.ID != op.ID || got.NonceSeen || got.NonceFull {
		t.Errorf("got %+v", got)
	}
	n.Tenant += "x"
	if got := s.arrive(t, "op_1", n, 0); got.Operation.ID != "" || got.Keyring.Version != 0 || got.NonceSeen {
		t.Errorf("another tenant knows %+v", got)
	}
}

func nonceIsClaimedOnce(t *testing.T, s *suite) {
	n := s.nonce("n1")
	won := race(t, 16, func(int) error { return s.ClaimNonce(background, n, Start.Add(time.Minute), 1000) }, isSeen)
	if won != 1 {
		t.Errorf("one nonce was claimed %d times", won)
	}
}

func isSeen(err error) bool { return errors.Is(err, store.ErrNonceSeen) }
func isFull(err error) bool { return errors.Is(err, store.ErrFull) }

func nonceBelongsToKeyAndSender(t *testing.T, s *suite) {
	tenant, from, key, value := s.nonce("n1"), s.nonce("n1"), s.nonce("n1"), s.nonce("n2")
	tenant.Tenant += "x"
	from.Sender = "ddddccccbbbbaaaa"
	key.KeyID = "key"
	for _, n := range []inbox.Nonce{s.nonce("n1"), tenant, from, key, value} {
		if s.arrive(t, "op_1", n, 0).NonceSeen {
			t.Errorf("%+v was never claimed", n)
		}
		must(t, s.ClaimNonce(t.Context(), n, Start.Add(time.Minute), 1000))
		want(t, s.ClaimNonce(t.Context(), n, Start.Add(time.Minute), 1000), store.ErrNonceSeen)
	}
	// Neither is room taken from another's.
	must(t, s.ClaimNonce(t.Context(), inbox.Nonce{Tenant: s.tenant, Sender: sender, KeyID: "key#2", Value: "n1"}, Start.Add(time.Minute), 1))
}

func nonceExpires(t *testing.T, s *suite) {
	n, until := s.nonce("n1"), Start.Add(time.Minute+time.Second/2)
	must(t, s.ClaimNonce(t.Context(), n, until, 1000))
	s.at.Store(until.UnixNano())
	want(t, s.ClaimNonce(t.Context(), n, until, 1000), store.ErrNonceSeen)
	if !s.arrive(t, "op_1", n, 0).NonceSeen {
		t.Error("not seen at its last moment")
	}
	s.at.Store(until.Add(2 * time.Second).UnixNano())
	if s.arrive(t, "op_1", n, 0).NonceSeen {
		t.Error("seen after its end")
	}
	won := race(t, 8, func(int) error { return s.ClaimNonce(background, n, until.Add(time.Minute), 1000) }, isSeen)
	if won != 1 {
		t.Errorf("claimed %d times after its end", won)
	}
}

func noncesHaveLimitedRoom(t *testing.T, s *suite) {
	const writers = 64
	for _, most := range []int{5, 40} { // fewer and more than a store may have places to count in
		named := func(i int) inbox.Nonce {
			return inbox.Nonce{Tenant: s.tenant, Sender: sender, KeyID: fmt.Sprint(most), Value: fmt.Sprintf("n%d", i)}
		}
		var refused [writers]bool
		won := race(t, writers, func(i int) error {
			err := s.ClaimNonce(background, named(i), Start.Add(time.Hour), most)
			refused[i] = isFull(err)
			return err
		}, isFull)
		if won < 1 || won > most {
			t.Errorf("room for %d: %d claimed", most, won)
		}
		for i := range writers {
			if got := s.arrive(t, "op_1", named(i), most); got.NonceSeen == refused[i] || refused[i] && !got.NonceFull {
				t.Errorf("room for %d: nonce %d was refused: %v; now seen %v, full %v", most, i, refused[i], got.NonceSeen, got.NonceFull)
			}
		}
		one := named(slices.Index(refused[:], true))
		if s.arrive(t, "op_1", one, 0).NonceFull {
			t.Error("full for the usual number")
		}
		s.at.Add(int64(inbox.NonceWindow)) // which makes room
		if s.arrive(t, "op_1", one, most).NonceFull {
			t.Errorf("room for %d: none in the next window", most)
		}
		must(t, s.ClaimNonce(t.Context(), one, Start.Add(time.Hour), most))
	}
}

func noncesNeedNoRoomTwice(t *testing.T, s *suite) {
	until := Start.Add(time.Minute)
	must(t, s.ClaimNonce(t.Context(), s.nonce("n1"), until, 1))
	for range 3 { // that it was seen says more than that there is no room
		want(t, s.ClaimNonce(t.Context(), s.nonce("n1"), until, 1), store.ErrNonceSeen)
		want(t, s.ClaimNonce(t.Context(), s.nonce("n2"), until, 1), store.ErrFull)
	}
	key := s.nonce("n1")
	key.KeyID = "another"
	must(t, s.ClaimNonce(t.Context(), key, until, 32)) // 32 is room for two wherever it is counted
	want(t, s.ClaimNonce(t.Context(), key, until, 32), store.ErrNonceSeen)
	want(t, s.ClaimNonce(t.Context(), key, until, 32), store.ErrNonceSeen)
	if s.arrive(t, "op_1", key, 32).NonceFull {
		t.Error("refused claims took room")
	}
}

func keyringsAreVersioned(t *testing.T, s *suite) {
	put := func(version int64, body string) error {
		return s.PutKeyring(background, s.tenant, sender, store.Document{Version: version, Body: []byte(body)})
	}
	want(t, put(2, "too early"), store.ErrStale)
	if won := race(t, 8, func(i int) error { return put(1, fmt.Sprint(i)) }, func(err error) bool { return errors.Is(err, store.ErrStale) }); won != 1 {
		t.Fatalf("%d first versions", won)
	}
	must(t, put(2, "second"))
	want(t, put(2, "again"), store.ErrStale)
	want(t, put(1, "again"), store.ErrStale)
	got, err := s.Keyring(t.Context(), s.tenant, sender)
	must(t, err)
	if got.Version != 2 || string(got.Body) != "second" {
		t.Errorf("got %+v", got)
	}
	got.Body[0] = 'X'
	if back := s.arrive(t, "op_1", s.nonce("n1"), 0).Keyring; back.Version != 2 || string(back.Body) != "second" {
		t.Errorf("got %+v", back)
	}
	must(t, put(3, ""))
	if got, err = s.Keyring(t.Context(), s.tenant, sender); err != nil || got.Version != 3 || len(got.Body) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = s.Keyring(t.Context(), s.tenant+"x", sender)
	want(t, err, store.ErrNotFound)
	_, err = s.Keyring(t.Context(), s.tenant, "ddddccccbbbbaaaa")
	want(t, err, store.ErrNotFound)
}

package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
)

func (s *suite) nonce(value string) inbox.Nonce {
	return inbox.Nonce{Tenant: s.tenant, Sender: sender, KeyID: "key#1", Value: value}
}

func nonceIsClaimedOnce(t *testing.T, s *suite) {
	n := s.nonce("n1")
	claimed := race(t, 16, func(int) error {
		return s.ClaimNonce(background, n, Start.Add(time.Minute), 1000)
	}, isSeen)
	if claimed != 1 {
		t.Errorf("one nonce was claimed %d times", claimed)
	}
}

func nonceBelongsToKeyAndSender(t *testing.T, s *suite) {
	tenant, from, key, value := s.nonce("n1"), s.nonce("n1"), s.nonce("n1"), s.nonce("n2")
	tenant.Tenant += "x"
	from.Sender = otherSender
	key.KeyID = "key"
	for _, n := range []inbox.Nonce{s.nonce("n1"), tenant, from, key, value} {
		if s.load(t, "op_1", n, 0).NonceSeen {
			t.Errorf("%+v was never claimed", n)
		}
		must(t, s.ClaimNonce(t.Context(), n, Start.Add(time.Minute), 1000))
		want(t, s.ClaimNonce(t.Context(), n, Start.Add(time.Minute), 1000), store.ErrNonceSeen)
	}
	// Each key has its own room.
	other := inbox.Nonce{Tenant: s.tenant, Sender: sender, KeyID: "key#2", Value: "n1"}
	must(t, s.ClaimNonce(t.Context(), other, Start.Add(time.Minute), 1))
}

func nonceExpires(t *testing.T, s *suite) {
	n, until := s.nonce("n1"), Start.Add(time.Minute+time.Second/2)
	must(t, s.ClaimNonce(t.Context(), n, until, 1000))
	s.at.Store(until.UnixNano())
	want(t, s.ClaimNonce(t.Context(), n, until, 1000), store.ErrNonceSeen)
	if !s.load(t, "op_1", n, 0).NonceSeen {
		t.Error("not seen at its last moment")
	}
	s.at.Store(until.Add(2 * time.Second).UnixNano())
	if s.load(t, "op_1", n, 0).NonceSeen {
		t.Error("seen after its end")
	}
	claimed := race(t, 8, func(int) error { return s.ClaimNonce(background, n, until.Add(time.Minute), 1000) }, isSeen)
	if claimed != 1 {
		t.Errorf("claimed %d times after its end", claimed)
	}
}

func noncesHaveLimitedRoom(t *testing.T, s *suite) {
	const writers = 64
	for _, limit := range []int{5, 40} { // fewer and more than the counters that a store may use
		named := func(i int) inbox.Nonce {
			return inbox.Nonce{Tenant: s.tenant, Sender: sender, KeyID: fmt.Sprint(limit), Value: fmt.Sprintf("n%d", i)}
		}
		var refused [writers]bool
		claimed := race(t, writers, func(i int) error {
			err := s.ClaimNonce(background, named(i), Start.Add(time.Hour), limit)
			refused[i] = isFull(err)
			return err
		}, isFull)
		if claimed < 1 || claimed > limit {
			t.Errorf("limit %d: %d claimed", limit, claimed)
		}
		for i := range writers {
			got := s.load(t, "op_1", named(i), limit)
			if got.NonceSeen == refused[i] || refused[i] && !got.NonceFull {
				t.Errorf("limit %d: nonce %d was refused: %v; now seen %v, full %v",
					limit, i, refused[i], got.NonceSeen, got.NonceFull)
			}
		}
		one := named(slices.Index(refused[:], true))
		if s.load(t, "op_1", one, 0).NonceFull {
			t.Error("full at the default limit")
		}
		s.at.Add(int64(inbox.NonceWindow)) // the next window has room
		if s.load(t, "op_1", one, limit).NonceFull {
			t.Errorf("limit %d: no room in the next window", limit)
		}
		must(t, s.ClaimNonce(t.Context(), one, Start.Add(time.Hour), limit))
	}
}

func refusedNoncesTakeNoRoom(t *testing.T, s *suite) {
	until := Start.Add(time.Minute)
	must(t, s.ClaimNonce(t.Context(), s.nonce("n1"), until, 1))
	for range 3 { // a seen nonce is reported as such even if the key is full
		want(t, s.ClaimNonce(t.Context(), s.nonce("n1"), until, 1), store.ErrNonceSeen)
		want(t, s.ClaimNonce(t.Context(), s.nonce("n2"), until, 1), store.ErrFull)
	}
	n := s.nonce("n1")
	n.KeyID = "another"
	must(t, s.ClaimNonce(t.Context(), n, until, 32)) // a limit of 32 is room for two in every counter
	want(t, s.ClaimNonce(t.Context(), n, until, 32), store.ErrNonceSeen)
	want(t, s.ClaimNonce(t.Context(), n, until, 32), store.ErrNonceSeen)
	if s.load(t, "op_1", n, 32).NonceFull {
		t.Error("refused claims took room")
	}
}

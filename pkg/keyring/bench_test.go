package keyring

import (
	"net/http"
	"testing"

	"adcp-orchestrator/pkg/store"
)

// freshSender returns a sender whose snapshot is fresh and cached: what all deliveries but one in
// five minutes find.
func freshSender(tb testing.TB, keys int) (*Source, Sender, store.Document) {
	names := make([]string, keys)
	for i := range names {
		names[i] = "key-2026-" + string(rune('a'+i))
	}
	h := newNetworkHarness(tb)
	h.sender.ID = "abcdefghijklmnop"
	h.set(operatorBrand, h.brandJSON(""))
	h.set(ownKeys, keySet(names...))
	h.status("example.co.uk"+listPath, http.StatusNotFound)
	if _, err := h.delivery().Key(tb.Context(), names[0]); err != nil {
		tb.Fatal(err)
	}
	return h.Source, h.sender, h.document()
}

// BenchmarkDelivery measures a delivery of a known sender, in a process that has parsed the
// document before and in one that has not.
func BenchmarkDelivery(b *testing.B) {
	s, sender, doc := freshSender(b, 4)
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			deliver(b, s, sender, doc)
		}
	})
	b.Run("new process", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			deliver(b, &Source{Store: s.Store, Client: s.Client, Now: s.Now}, sender, doc)
		}
	})
}

func deliver(tb testing.TB, s *Source, sender Sender, doc store.Document) {
	k := s.Open(sender, doc)
	if _, err := k.Key(tb.Context(), "key-2026-a"); err != nil {
		tb.Fatal(err)
	}
	if err := k.Check(tb.Context(), "key-2026-a"); err != nil {
		tb.Fatal(err)
	}
}

func TestDeliveryAllocatesLittle(t *testing.T) { // not parallel: it counts allocations
	s, sender, doc := freshSender(t, 4)
	if n := testing.AllocsPerRun(100, func() { deliver(t, s, sender, doc) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

package keyring

import (
	"adcp-orchestrator/pkg/store"
	"net/http"
	"testing"
)

// kept is a ring that is fresh and in memory: what all deliveries but one in five minutes find.
func kept(tb testing.TB, kids int) (*Source, Sender, store.Document) {
	names := make([]string, kids)
	for i := range names {
		names[i] = "key-2026-" + string(rune('a'+i))
	}
	p := newPages()
	w := &world{pages: p, store: &shelf{docs: map[string]store.Document{}}, at: start, events: map[string]int{}}
	w.sender = Sender{Tenant: "acme", ID: "abcdefghijklmnop", AgentURL: "https://sales.example.co.uk/mcp"}
	w.Source = w.source(hosts{p}.client())
	p.set(operatorBrand, w.brand(""))
	p.set(ownKeys, keySet(names...))
	p.put("example.co.uk"+listPath, page{status: http.StatusNotFound})
	if _, err := w.delivery().Key(tb.Context(), names[0]); err != nil {
		tb.Fatal(err)
	}
	return w.Source, w.sender, w.doc()
}

// BenchmarkDelivery: what a delivery costs whose sender is known, beside one in a process that hasn't read the document yet.
func BenchmarkDelivery(b *testing.B) {
	s, sender, doc := kept(b, 4)
	b.Run("kept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			deliver(b, s, sender, doc)
		}
	})
	b.Run("new", func(b *testing.B) {
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

func TestDeliveryAllocatesLittle(t *testing.T) { // not parallel: it counts
	s, sender, doc := kept(t, 4)
	if n := testing.AllocsPerRun(100, func() { deliver(t, s, sender, doc) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

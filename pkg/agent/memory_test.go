package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

// heap returns how many bytes are in use.
func heap() int {
	runtime.GC()
	runtime.GC() // the first one only puts pools' contents aside
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc) //nolint:gosec // far below
}

// The cards of one tenant's agents would fill the memory that a warm function shares among tenants,
// and the next tenant's purchase would end with the process, in flight.
func TestCardsOfOneTenantDoNotFillTheMemory(t *testing.T) { // not parallel: it measures the heap
	calls := 60
	if testing.Short() {
		calls = 3 // one card more than may be left
	}
	skill := `{"id":"` + strings.Repeat("s", 1000) + `"},`
	var card string
	s := (&seller{fault: func(w http.ResponseWriter, r *http.Request, m message) bool {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, card)
			return true
		}
		w.Header().Set("Content-Type", jsonType)
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, submittedTask)
		return true
	}}).start(t)
	card = strings.NewReplacer("ORIGIN", strings.TrimSuffix(s.url, "/mcp"),
		"SKILLS", strings.Repeat(skill, (maxAnswer-4096)/len(skill))+`{"id":"create_media_buy"}`).Replace(npmCard)
	cl := client(t)
	a := s.agent()
	a.Transport = adcp.A2A
	before := heap()
	for i := range calls {
		a.URL = fmt.Sprint(s.url, "/", i)
		if _, err := cl.Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("%d calls left %d MB", calls, grown>>20)
	}
	if n, _ := cl.cards.Size(); n != calls {
		t.Errorf("%d cards are cached", n)
	}
}

// No member of a card makes what is held of it large.
func TestCardHoldsLittle(t *testing.T) {
	t.Parallel()
	const own = "https://s.example/a2a"
	long := strings.Repeat("x", 100<<10)
	v1 := func(members string) string {
		return `{"supportedInterfaces":[{"protocolBinding":"JSONRPC","protocolVersion":"1.0",` + members + `}]}`
	}
	skills := func(s string) string { return strings.Replace(npmCard, "SKILLS", s, 1) }
	for name, c := range map[string]struct {
		card   string
		usable bool
	}{
		"a long tenant":             {v1(`"url":"` + own + `","tenant":"` + long + `"`), false},
		"a long address":            {v1(`"url":"` + own + long + `"`), true},
		"a long skill":              {skills(`{"id":"` + long + `"}`), true},
		"a skill that begins well":  {skills(`{"id":"create_media_buy` + long + `"}`), true},
		"one skill again and again": {skills(strings.Repeat(`{"id":"get_products"},`, 9999) + `{}`), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readCard([]byte(c.card), own)
			held := len(got.endpoint) + len(got.tenant)
			for _, s := range got.skills {
				held += len(s)
			}
			if (err == nil) != c.usable || held > 4096 || len(got.skills) > 1 {
				t.Errorf("%d bytes, %d skills: %v", held, len(got.skills), err)
			}
		})
	}
}

// A tenant with more agents than there is room for does not push out the card of another tenant.
func TestTenantWithManyAgentsLeavesTheCardsOfOthers(t *testing.T) {
	t.Parallel()
	c := client(t)
	a := (&a2aSeller{card: npmCard}).agent()
	other := a
	other.Tenant = "other"
	c.cards.put(other, card{}, noon)
	for i := range 2 * maxCards {
		a.URL = fmt.Sprint(i)
		c.cards.put(a, card{endpoint: strings.Repeat("u", maxURL), tenant: strings.Repeat("t", maxCardTenant)}, noon)
	}
	if _, cached := c.cards.get(other, noon); !cached {
		t.Error("the other tenant's card is gone")
	}
}

// A tool list can be as long as its pages; what a discovery holds of it is not.
func TestToolNamesDoNotFillTheMemory(t *testing.T) {
	t.Parallel()
	page := 0
	name := strings.Repeat("n", 100<<10)
	s := (&seller{fault: on("tools/list", func(w http.ResponseWriter, _ *http.Request, m message) {
		page++
		next := ""
		if page < 5 {
			next = `,"nextCursor":"more"`
		}
		w.Header().Set("Content-Type", jsonType)
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"%s%d"},{"name":"tasks_get"}]%s}}`,
			m.ID, name, page, next)
	})}).start(t)
	ctx := t.Context()
	opened, err := client(t).open(ctx, ctx, s.agent(), &authorization{seen: &challenge{}})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.close()
	names, err := opened.tools(ctx)
	if err != nil || len(names) != 1 || names[0] != "tasks_get" {
		t.Errorf("%d names, %v", len(names), err)
	}
}

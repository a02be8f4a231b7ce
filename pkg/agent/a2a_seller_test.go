package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// Cards of existing sellers. ORIGIN stands for the seller's origin, SKILLS for its skills.
const (
	npmCard = `{"name":"s","url":"ORIGIN/mcp","protocolVersion":"0.3.0",` +
		`"capabilities":{"streaming":false,"pushNotifications":false},"skills":[SKILLS],` +
		`"provider":{"organization":"s","url":"ORIGIN"}}`
	// Python's card names an address that is only valid inside the seller's network.
	pythonCard = `{"name":"s","supportedInterfaces":[` +
		`{"url":"http://localhost:1/","protocolBinding":"JSONRPC","protocolVersion":"0.3"},` +
		`{"url":"http://localhost:1/","protocolBinding":"JSONRPC","protocolVersion":"1.0"}],` +
		`"capabilities":{},"skills":[SKILLS],"preferredTransport":"JSONRPC","protocolVersion":"0.3",` +
		`"url":"http://localhost:1/"}`
	v3Card = `{"name":"s","supportedInterfaces":[` +
		`{"url":"ORIGIN/mcp","protocolBinding":"JSONRPC","protocolVersion":"1.0"}],` +
		`"capabilities":{"extensions":[{"uri":"https://example.com/other"},` +
		`{"uri":"https://adcontextprotocol.org/extensions/adcp/v3","required":true}]},"skills":[SKILLS]}`
)

// a2aSeller is a seller that speaks A2A. It is as strict as real sellers about methods, versions
// and the place of the arguments.
type a2aSeller struct {
	seller
	card   string
	paths  []string // of the card
	skills []string
	// answer returns the result of a skill.
	answer func(skill string) string
	// callFault, if set, answers every call.
	callFault handler
	// cardRequests are the paths at which a card was requested.
	cardRequests []string
}

func (s *a2aSeller) start(t *testing.T) *a2aSeller {
	t.Helper()
	if s.paths == nil {
		s.paths = []string{"/mcp/.well-known/agent-card.json"}
	}
	s.fault = func(w http.ResponseWriter, r *http.Request, m message) bool {
		s.serve(w, r, m)
		return true
	}
	s.seller.start(t)
	return s
}

func (s *a2aSeller) serve(w http.ResponseWriter, r *http.Request, m message) {
	if r.Method == http.MethodGet {
		s.mu.Lock()
		s.cardRequests = append(s.cardRequests, r.URL.Path)
		s.mu.Unlock()
		if !slices.Contains(s.paths, r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		items := make([]string, len(s.skills))
		for i, id := range s.skills {
			items[i] = fmt.Sprintf(`{"id":%q,"name":"not the key","tags":["adcp"]}`, id)
		}
		fill := strings.NewReplacer("ORIGIN", strings.TrimSuffix(s.url, "/mcp"), "SKILLS", strings.Join(items, ","))
		_, _ = io.WriteString(w, fill.Replace(s.card))
		return
	}
	if s.callFault != nil {
		s.callFault(w, r, m)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, s.reply(r, m))
}

func (s *a2aSeller) reply(r *http.Request, m message) string {
	refuse := func(code int, reason string) string {
		return fmt.Sprintf(`"error":{"code":%d,"message":%q}`, code, reason)
	}
	v1 := s.card != npmCard
	var p struct {
		Message struct {
			Kind, MessageID, Role string
			Parts                 []struct{ Data map[string]json.RawMessage }
		}
	}
	err := json.Unmarshal(m.Params, &p)
	want, role := "parameters", "user"
	if s.card == v3Card {
		want = "input"
	}
	if v1 {
		role = "ROLE_USER"
	}
	switch version := r.Header.Get("A2A-Version"); {
	case v1 && m.Method != "SendMessage", !v1 && m.Method != "message/send":
		return refuse(-32601, "Method not found")
	case v1 && version != "1.0", !v1 && version != "":
		return refuse(-32009, "A2A version is not supported by this handler")
	case (r.Header.Get("A2A-Extensions") == profileV3) != (s.card == v3Card):
		return refuse(-32008, "extension")
	case err != nil || len(p.Message.Parts) != 1 || p.Message.MessageID == "" || p.Message.Role != role,
		(p.Message.Kind == "message") == v1:
		return refuse(-32602, "message")
	case len(p.Message.Parts[0].Data) != 2 || p.Message.Parts[0].Data[want] == nil:
		return refuse(-32602, "arguments")
	case strings.Contains(strings.ToLower(string(m.Params)), "pushnotification"):
		return refuse(-32003, "push notifications")
	}
	var skill string
	_ = json.Unmarshal(p.Message.Parts[0].Data["skill"], &skill)
	return `"result":` + s.answer(skill)
}

func (s *a2aSeller) agent() registry.Agent {
	a := s.seller.agent()
	a.Transport = adcp.A2A
	return a
}

// always returns one result for every skill.
func always(result string) func(string) string {
	return func(string) string { return result }
}

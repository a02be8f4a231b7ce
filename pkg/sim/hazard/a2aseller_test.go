package hazard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// serveA2A is A2A over JSON-RPC: 0.3 as npm's seller speaks it, or 1.0 as Python's does.
func (s *seller) serveA2A(w http.ResponseWriter, r *http.Request, m message) {
	if r.Method == http.MethodGet {
		if !strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, s.card("http://"+r.Host+"/"))
		return
	}
	method, version, word := "message/send", "", "completed"
	if s.a2a == "1.0" {
		method, version, word = "SendMessage", "1.0", "TASK_STATE_COMPLETED"
	}
	switch {
	case m.Method == "tasks/get" || m.Method == "GetTask": // the call's own task: it never moves
		s.reply(w, 200, m, `"result":{"kind":"task","id":"native","status":{"state":"completed"}}`)
		return
	case m.Method != method:
		s.reply(w, 200, m, `"error":{"code":-32601,"message":"Method not found"}`)
		return
	case r.Header.Get("A2A-Version") != version:
		s.reply(w, 200, m, `"error":{"code":-32009,"message":"A2A version is not supported by this handler"}`)
		return
	}
	var p struct {
		Message struct {
			Parts []struct {
				Data struct {
					Skill      string          `json:"skill"`
					Parameters json.RawMessage `json:"parameters"`
				} `json:"data"`
			} `json:"parts"`
		} `json:"message"`
	}
	if json.Unmarshal(m.Params, &p) != nil || len(p.Message.Parts) != 1 {
		s.reply(w, 200, m, `"error":{"code":-32602,"message":"no parts"}`)
		return
	}
	data := p.Message.Parts[0].Data
	if data.Parameters == nil { // "takes the arguments only under `parameters`": without, it buys with none
		data.Parameters = json.RawMessage(`{}`)
	}
	a := s.answer(data.Skill, data.Parameters)
	switch {
	case a.cut:
		panic(http.ErrAbortHandler)
	case a.rpc != "":
		s.reply(w, max(a.status, 200), m, `"error":`+a.rpc)
		return
	case a.native != "":
		s.answerA2A(w, m, a.native)
		return
	}
	state := word
	if a.failed {
		state = strings.Replace(strings.Replace(word, "completed", "failed", 1), "COMPLETED", "FAILED", 1)
	}
	metadata := ""
	if a.twin != "" {
		metadata = `,"metadata":` + a.twin
	}
	// The task says completed for a submitted operation too, and its id is not AdCP's.
	s.answerA2A(w, m, fmt.Sprintf(`{"kind":"task","id":"native-%d","contextId":"ctx","status":{"state":%q},"artifacts":[{"artifactId":"a","parts":[{"kind":"data","data":%s}]%s}]}`,
		len(s.calls), state, a.payload, metadata))
}

// answerA2A writes a task: bare in 0.3, in its envelope in 1.0.
func (s *seller) answerA2A(w http.ResponseWriter, m message, task string) {
	if s.a2a == "1.0" {
		task = `{"task":` + task + `}`
	}
	s.reply(w, 200, m, `"result":`+task)
}

func (s *seller) card(origin string) string {
	var skills []string
	for _, name := range s.tools() {
		skills = append(skills, fmt.Sprintf(`{"id":%q,"name":"not the key"}`, name))
	}
	all := strings.Join(skills, ",")
	if s.a2a == "0.3" {
		return fmt.Sprintf(`{"name":"s","url":%q,"protocolVersion":"0.3.0","capabilities":{"streaming":false,"pushNotifications":false},"skills":[%s]}`, origin, all)
	}
	// Python's names an address that it has only inside.
	return fmt.Sprintf(`{"name":"s","supportedInterfaces":[{"url":"http://localhost:1/","protocolBinding":"JSONRPC","protocolVersion":"1.0"}],"capabilities":{},"skills":[%s]}`, all)
}

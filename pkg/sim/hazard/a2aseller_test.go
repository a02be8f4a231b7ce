package hazard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// serveA2A is A2A over JSON-RPC: 0.3 like the npm seller, or 1.0 like the Python seller.
func (s *seller) serveA2A(w http.ResponseWriter, r *http.Request, req request) {
	if r.Method == http.MethodGet {
		if !strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, s.card("http://"+r.Host+"/"))
		return
	}
	method, version, completed, failed := "message/send", "", "completed", "failed"
	if s.a2a == "1.0" {
		method, version, completed, failed = "SendMessage", "1.0", "TASK_STATE_COMPLETED", "TASK_STATE_FAILED"
	}
	switch {
	case req.Method == "tasks/get" || req.Method == "GetTask": // the call's own task, which never moves
		s.writeRPC(w, 200, req, `"result":{"kind":"task","id":"native","status":{"state":"completed"}}`)
		return
	case req.Method != method:
		s.writeRPC(w, 200, req, `"error":{"code":-32601,"message":"Method not found"}`)
		return
	case r.Header.Get("A2A-Version") != version:
		s.writeRPC(w, 200, req,
			`"error":{"code":-32009,"message":"A2A version is not supported by this handler"}`)
		return
	}
	skill, arguments, ok := readSkillCall(req.Params)
	if !ok {
		s.writeRPC(w, 200, req, `"error":{"code":-32602,"message":"no parts"}`)
		return
	}
	a := s.answer(skill, arguments)
	switch {
	case a.dropConnection:
		panic(http.ErrAbortHandler)
	case a.rpcError != "":
		s.writeRPC(w, max(a.httpStatus, 200), req, `"error":`+a.rpcError)
		return
	case a.a2aTask != "":
		s.writeTask(w, req, a.a2aTask)
		return
	}
	state, metadata := completed, ""
	if a.isError {
		state = failed
	}
	if a.metadata != "" {
		metadata = `,"metadata":` + a.metadata
	}
	// The A2A task is completed for a submitted operation too, and its id is not AdCP's.
	s.writeTask(w, req, fmt.Sprintf(`{"kind":"task","id":"native-%d","contextId":"ctx","status":{"state":%q},`+
		`"artifacts":[{"artifactId":"a","parts":[{"kind":"data","data":%s}]%s}]}`,
		len(s.calls), state, a.payload, metadata))
}

// readSkillCall reads a call of a skill from the params of a message. Like the Python seller it
// takes the arguments only under parameters; without them it calls the skill with none.
func readSkillCall(params json.RawMessage) (skill string, arguments json.RawMessage, ok bool) {
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
	if json.Unmarshal(params, &p) != nil || len(p.Message.Parts) != 1 {
		return "", nil, false
	}
	data := p.Message.Parts[0].Data
	if data.Parameters == nil {
		data.Parameters = json.RawMessage(`{}`)
	}
	return data.Skill, data.Parameters, true
}

// writeTask writes an A2A task: bare in 0.3, in its envelope in 1.0.
func (s *seller) writeTask(w http.ResponseWriter, req request, task string) {
	if s.a2a == "1.0" {
		task = `{"task":` + task + `}`
	}
	s.writeRPC(w, 200, req, `"result":`+task)
}

func (s *seller) card(origin string) string {
	var items []string
	for _, name := range s.tools() {
		items = append(items, fmt.Sprintf(`{"id":%q,"name":"not the key"}`, name))
	}
	skills := strings.Join(items, ",")
	if s.a2a == "0.3" {
		return fmt.Sprintf(`{"name":"s","url":%q,"protocolVersion":"0.3.0",`+
			`"capabilities":{"streaming":false,"pushNotifications":false},"skills":[%s]}`, origin, skills)
	}
	// The Python seller's card names an address that is valid only inside its own network.
	return fmt.Sprintf(`{"name":"s","supportedInterfaces":[{"url":"http://localhost:1/",`+
		`"protocolBinding":"JSONRPC","protocolVersion":"1.0"}],"capabilities":{},"skills":[%s]}`, skills)
}

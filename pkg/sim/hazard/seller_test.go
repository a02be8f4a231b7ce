package hazard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// seller is a sales agent on HTTP. The zero value is an honest one that speaks MCP in plain JSON without sessions, deduplicates by key, and is done after ten
// minutes; what is set on it are its bad manners.
type seller struct {
	// Over MCP: answers as an event stream; a session id that is asked for; JSON in a content text and no structured content.
	streamed, sessions, textOnly bool
	// a2a is "0.3" or "1.0" for a seller that speaks A2A instead.
	a2a string
	// polling are its tools for asking about a task, get_task_status if nil. more are other tools.
	polling, more []string
	// list is sent in place of the page of tools that is made of them.
	list string
	// unsure says idempotency.supported:false, and means it: the same key makes another task.
	unsure bool
	// sync answers at once. takes is how long a task works, 10 minutes if 0. outcome is its end, completed if empty, and result its body.
	sync    bool
	takes   time.Duration
	outcome adcp.Status
	result  string

	// front, if it returns true, has answered in the seller's stead: below AdCP.
	front func(w http.ResponseWriter, r *http.Request, m message) bool
	// before answers a call instead of carrying it out; after is what is answered once that was done. nil goes on.
	before, after func(c call) *said
	// push says what is sent when a task is made.
	push func(t *task) []push

	now  func() time.Time
	post func(t *task, p push)

	mu    sync.Mutex
	live  map[string]bool // sessions
	tasks []*task
	calls []call
	got   []message
}

// message is a request as it came in.
type message struct {
	verb   string
	path   string
	header http.Header
	body   []byte

	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// call is one call of a tool or skill.
type call struct {
	tool string
	n    int // how often that tool was called, with this one
	at   time.Time
	raw  json.RawMessage
	args map[string]any
	task *task // that it made, or that it asks about
}

func (c call) text(name string) string { s, _ := c.args[name].(string); return s }

// said is what a call is answered with: AdCP's object, or what stands in its place.
type said struct {
	payload string // AdCP's object
	failed  bool   // as an error of the tool's
	text    string // words instead of an object
	rpc     string // an error of JSON-RPC's
	status  int    // an HTTP status; with rpc, around it
	cut     bool   // the connection breaks
	native  string // A2A's own state and artifact, whole
	twin    string // A2A: an artifact's metadata
}

// task is one execution of a purchase.
type task struct {
	id, key, hash string
	url, token    string // of the webhook that was asked for
	operation     string
	schemes       string
	begun, done   time.Time
	end           adcp.Status
	body          string
}

func (s *seller) init(now func() time.Time) {
	s.now, s.live = now, map[string]bool{}
	if s.takes == 0 {
		s.takes = 10 * time.Minute
	}
	if s.outcome == "" {
		s.outcome = adcp.StatusCompleted
	}
	if s.polling == nil {
		s.polling = []string{"get_task_status"}
	}
}

func (s *seller) tools() []string {
	return slices.Concat([]string{"get_adcp_capabilities", "create_media_buy"}, s.polling, s.more)
}

func (s *seller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := message{verb: r.Method, path: r.URL.Path, header: r.Header.Clone()}
	m.body, _ = io.ReadAll(r.Body)
	_ = json.Unmarshal(m.body, &m)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m)
	switch {
	case s.front != nil && s.front(w, r, m):
	case s.a2a != "":
		s.serveA2A(w, r, m)
	default:
		s.serveMCP(w, r, m)
	}
}

// answer is what the seller makes of a call, whatever it came over.
func (s *seller) answer(tool string, raw json.RawMessage) said {
	c := call{tool: tool, raw: raw, at: s.now(), n: 1 + s.count(tool)}
	_ = json.Unmarshal(raw, &c.args)
	a := s.carryOut(&c)
	s.calls = append(s.calls, c)
	return a
}

func (s *seller) carryOut(c *call) said {
	if slices.Contains(s.polling, c.tool) {
		c.task = s.find(func(t *task) bool { return t.id == c.text("task_id") })
	}
	if s.before != nil {
		if a := s.before(*c); a != nil {
			return *a
		}
	}
	var a said
	switch {
	case c.tool == "get_adcp_capabilities":
		a.payload = fmt.Sprintf(`{"adcp":{"major_versions":[3],"idempotency":{"supported":%v,"replay_ttl_seconds":86400}}}`, !s.unsure)
	case !slices.Contains(s.tools(), c.tool):
		return said{failed: true, text: "MCP error -32602: Tool " + c.tool + " not found"}
	case c.tool == "create_media_buy":
		a = s.buy(c)
	case c.task != nil:
		a.payload = c.task.status(s.now())
	default:
		a = refuse("REFERENCE_NOT_FOUND")
	}
	if s.after != nil {
		if b := s.after(*c); b != nil {
			return *b
		}
	}
	return a
}

// buy carries a purchase out, or answers as it did before to the same key.
func (s *seller) buy(c *call) said {
	first := s.find(func(t *task) bool { return t.key == c.text("idempotency_key") })
	if first != nil && !s.unsure {
		c.task = first
		if first.hash != string(c.raw) {
			return refuse("IDEMPOTENCY_CONFLICT")
		}
		return said{payload: s.submitted(first, true)}
	}
	t := &task{id: fmt.Sprintf("task_%d", len(s.tasks)+1), key: c.text("idempotency_key"), hash: string(c.raw), begun: s.now(), done: s.now().Add(s.takes), end: s.outcome, body: s.result}
	if t.body == "" {
		t.body = `{"media_buy_id":"mb_` + t.id + `","media_buy_status":"pending_creatives","packages":[]}`
		if t.end != adcp.StatusCompleted {
			t.body = `{"errors":[{"code":"POLICY_VIOLATION","message":"IO rejected by trafficker"}]}`
		}
	}
	if asked, ok := c.args["push_notification_config"].(map[string]any); ok {
		t.url, _ = asked["url"].(string)
		t.token, _ = asked["token"].(string)
		t.operation, _ = asked["operation_id"].(string)
		t.schemes = fmt.Sprint(asked["authentication"])
	}
	c.task, s.tasks = t, append(s.tasks, t)
	if s.push != nil && t.url != "" {
		for _, p := range s.push(t) {
			s.post(t, p)
		}
	}
	return said{payload: s.submitted(t, false)}
}

func (s *seller) submitted(t *task, replayed bool) string {
	if s.sync {
		return fmt.Sprintf(`{"status":"completed","replayed":%v,%s`, replayed, t.body[1:])
	}
	return fmt.Sprintf(`{"status":"submitted","task_id":%q,"replayed":%v}`, t.id, replayed)
}

// status is a task as an honest seller shows it to those who poll.
func (t *task) status(now time.Time) string {
	switch {
	case now.Before(t.done):
		return fmt.Sprintf(`{"task_id":%q,"task_type":"create_media_buy","protocol":"media-buy","status":"working","progress":{"percentage":10}}`, t.id)
	case t.end == adcp.StatusCompleted:
		return fmt.Sprintf(`{"task_id":%q,"task_type":"create_media_buy","protocol":"media-buy","status":"completed","result":%s}`, t.id, t.body)
	}
	return fmt.Sprintf(`{"task_id":%q,"task_type":"create_media_buy","protocol":"media-buy","status":"failed","error":{"code":"POLICY_VIOLATION","message":"IO rejected by trafficker"}}`, t.id)
}

// refuse is an AdCP error as MCP's tools have it: HTTP 200, isError, structuredContent.adcp_error.
func refuse(code string, more ...string) said {
	return said{failed: true, payload: fmt.Sprintf(`{"adcp_error":{"code":%q,"message":"no"%s}}`, code, strings.Join(append([]string{""}, more...), ","))}
}

func (s *seller) find(is func(*task) bool) *task {
	if i := slices.IndexFunc(s.tasks, is); i >= 0 {
		return s.tasks[i]
	}
	return nil
}

func (s *seller) count(tool string) (n int) {
	for _, c := range s.calls {
		if c.tool == tool {
			n++
		}
	}
	return n
}

// polls are the calls that asked about a task.
func (s *seller) polls() (all []call) {
	for _, c := range s.calls {
		if slices.Contains(s.polling, c.tool) {
			all = append(all, c)
		}
	}
	return all
}

// creates are the calls that asked for the purchase.
func (s *seller) creates() (all []call) {
	for _, c := range s.calls {
		if c.tool == "create_media_buy" {
			all = append(all, c)
		}
	}
	return all
}

// purchases counts what was bought: the tasks that were begun and do not end in a refusal.
func (s *seller) purchases() (n int) {
	for _, t := range s.tasks {
		if t.end == adcp.StatusCompleted {
			n++
		}
	}
	return n
}

// serveMCP is MCP's streamable HTTP transport, as strict as the sellers'.
func (s *seller) serveMCP(w http.ResponseWriter, r *http.Request, m message) {
	accept, session := r.Header.Get("Accept"), r.Header.Get("Mcp-Session-Id")
	switch {
	case r.Method == http.MethodDelete && s.sessions:
		delete(s.live, session)
		return
	case r.Method != http.MethodPost:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	case !strings.Contains(accept, jsonType) || !strings.Contains(accept, streamType):
		http.Error(w, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Not Acceptable"},"id":null}`, http.StatusNotAcceptable)
		return
	case s.sessions && m.Method == "initialize":
		session = fmt.Sprintf("session-%d", len(s.got))
		s.live[session] = true
	case s.sessions && session == "":
		http.Error(w, `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}`, http.StatusBadRequest)
		return
	case s.sessions && !s.live[session]:
		http.Error(w, `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`, http.StatusNotFound)
		return
	}
	if s.sessions {
		w.Header().Set("Mcp-Session-Id", session)
	}
	var p struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	switch m.Method {
	case "initialize":
		s.reply(w, 200, m, `"result":{"protocolVersion":"2025-06-18","capabilities":{"tasks":{"list":{}},"tools":{}},"serverInfo":{"name":"seller","version":"1"}}`)
	case "notifications/initialized":
		w.WriteHeader(http.StatusAccepted)
	case "tools/list":
		s.reply(w, 200, m, `"result":`+s.page())
	case "tasks/list":
		s.reply(w, 200, m, `"result":{"tasks":[],"_meta":{}}`) // MCP's own tasks: no AdCP state
	case "tools/call":
		_ = json.Unmarshal(m.Params, &p)
		s.say(w, m, s.answer(p.Name, p.Arguments))
	default:
		s.reply(w, 200, m, `"error":{"code":-32601,"message":"Method not found"}`)
	}
}

func (s *seller) page() string {
	if s.list != "" {
		return s.list
	}
	var items []string
	for _, name := range s.tools() {
		items = append(items, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
	}
	return `{"tools":[` + strings.Join(items, ",") + `]}`
}

// say puts an answer into MCP's words.
func (s *seller) say(w http.ResponseWriter, m message, a said) {
	content, structured := a.text, ""
	switch {
	case a.cut:
		panic(http.ErrAbortHandler)
	case a.rpc != "" || a.status != 0:
		s.reply(w, max(a.status, 200), m, `"error":`+a.rpc)
		return
	case a.payload != "" && (s.textOnly || a.failed):
		content = a.payload
	case a.payload != "":
		content = "see the structured content"
	}
	if a.payload != "" && !s.textOnly {
		structured = `"structuredContent":` + a.payload + `,`
	}
	quoted, _ := json.Marshal(content)
	s.reply(w, 200, m, fmt.Sprintf(`"result":{%s"content":[{"type":"text","text":%s}],"isError":%v}`, structured, quoted, a.failed))
}

const (
	jsonType   = "application/json"
	streamType = "text/event-stream"
)

// reply writes one JSON-RPC answer: plain, or as the last event of a stream that has more in it.
func (s *seller) reply(w http.ResponseWriter, status int, m message, rest string) {
	msg := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, bytes.TrimSpace(m.ID), rest)
	if !s.streamed || status != 200 {
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, msg)
		return
	}
	w.Header().Set("Content-Type", streamType)
	_, _ = io.WriteString(w, ": hello\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"busy\"}}\n\n")
	w.(http.Flusher).Flush()
	_, _ = io.WriteString(w, "event: message\ndata: "+msg+"\n\n")
}

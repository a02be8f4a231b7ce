package hazard

import (
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

// seller is a sales agent over HTTP. The zero value is an honest one: it speaks MCP in plain JSON
// without sessions, deduplicates by key, and takes ten minutes for a task. Each field that is set
// makes it misbehave in one way.
type seller struct {
	// Over MCP: it answers as an event stream; it requires a session id; it puts JSON into a content
	// text and sends no structured content.
	streamed, sessions, textOnly bool
	// a2a is "0.3" or "1.0" for a seller that speaks A2A instead.
	a2a string
	// pollTools are its tools that report a task's status, get_task_status if nil. otherTools are its
	// further tools.
	pollTools, otherTools []string
	// Its get_media_buys, if it is among otherTools, refuses account, or shows no contexts.
	refusesAccount, hidesContexts bool
	// toolList replaces the page of tools that is made from them.
	toolList string
	// noDedup: it says idempotency.supported:false and means it: the same key makes another task.
	noDedup bool
	// synchronous: it answers with the end. workTime is how long a task takes, 10 minutes if 0.
	// outcome is the task's end, completed if empty, and result its body.
	synchronous bool
	workTime    time.Duration
	outcome     adcp.Status
	result      string

	// intercept answers in the seller's place, below AdCP, if it returns true.
	intercept func(w http.ResponseWriter, r *http.Request, req request) bool
	// before answers a call instead of executing it. after replaces the answer to an executed call.
	// nil changes nothing.
	before, after func(c call) *fakeAnswer
	// push returns the webhooks that a new task sends.
	push func(t *task) []push

	now  func() time.Time
	post func(t *task, p push)

	mu           sync.Mutex
	liveSessions map[string]bool
	tasks        []*task
	calls        []call
	requests     []request
}

// request is an HTTP request as it came in, with its JSON-RPC message.
type request struct {
	httpMethod string
	header     http.Header

	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// call is one call of a tool or skill.
type call struct {
	tool string
	nth  int // its number among the calls of the tool, from 1
	at   time.Time
	raw  json.RawMessage
	args map[string]any
	task *task // the task that it made, or that it polls
}

func (c call) stringArg(name string) string { s, _ := c.args[name].(string); return s }

// fakeAnswer is the answer to a call: AdCP's object, or what takes its place.
type fakeAnswer struct {
	payload        string // AdCP's object
	isError        bool   // the tool reports an error
	text           string // words instead of an object
	rpcError       string // a JSON-RPC error
	httpStatus     int    // the HTTP status of rpcError, 200 if 0
	dropConnection bool
	a2aTask        string // over A2A: the whole task
	metadata       string // over A2A: the artifact's metadata
}

// answerWith returns an answer with an AdCP object.
func answerWith(payload string) *fakeAnswer { return &fakeAnswer{payload: payload} }

// adcpError returns an AdCP error in the form of MCP's tools: HTTP 200, isError,
// structuredContent.adcp_error.
func adcpError(code string, members ...string) *fakeAnswer {
	more := strings.Join(append([]string{""}, members...), ",")
	return &fakeAnswer{isError: true, payload: fmt.Sprintf(`{"adcp_error":{"code":%q,"message":"no"%s}}`, code, more)}
}

// onTool limits a script to one tool.
func onTool(tool string, script func(c call) *fakeAnswer) func(call) *fakeAnswer {
	return func(c call) *fakeAnswer {
		if c.tool != tool {
			return nil
		}
		return script(c)
	}
}

// task is one execution of a purchase.
type task struct {
	id, key, arguments string
	url, token         string // of the webhook that the purchase configures
	operation          string
	schemes            string
	startedAt, doneAt  time.Time
	outcome            adcp.Status
	result             string
}

func (s *seller) init(now func() time.Time) {
	s.now, s.liveSessions = now, map[string]bool{}
	if s.workTime == 0 {
		s.workTime = 10 * time.Minute
	}
	if s.outcome == "" {
		s.outcome = adcp.StatusCompleted
	}
	if s.pollTools == nil {
		s.pollTools = []string{"get_task_status"}
	}
}

// wait returns when the seller has finished its current request.
func (s *seller) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
}

func (s *seller) tools() []string {
	return slices.Concat([]string{"get_adcp_capabilities", "create_media_buy"}, s.pollTools, s.otherTools)
}

func (s *seller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := request{httpMethod: r.Method, header: r.Header.Clone()}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &req)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, req)
	switch {
	case s.intercept != nil && s.intercept(w, r, req):
	case s.a2a != "":
		s.serveA2A(w, r, req)
	default:
		s.serveMCP(w, r, req)
	}
}

// answer returns the answer to a call over either transport.
func (s *seller) answer(tool string, raw json.RawMessage) fakeAnswer {
	c := call{tool: tool, raw: raw, at: s.now(), nth: 1 + s.callCount(tool)}
	_ = json.Unmarshal(raw, &c.args)
	a := s.execute(&c)
	s.calls = append(s.calls, c)
	return a
}

func (s *seller) execute(c *call) fakeAnswer {
	if slices.Contains(s.pollTools, c.tool) {
		c.task = s.find(func(t *task) bool { return t.id == c.stringArg("task_id") })
	}
	if s.before != nil {
		if a := s.before(*c); a != nil {
			return *a
		}
	}
	var a fakeAnswer
	switch {
	case c.tool == "get_adcp_capabilities":
		a.payload = fmt.Sprintf(`{"adcp":{"major_versions":[3],`+
			`"idempotency":{"supported":%v,"replay_ttl_seconds":86400}}}`, !s.noDedup)
	case !slices.Contains(s.tools(), c.tool):
		return fakeAnswer{isError: true, text: "MCP error -32602: Tool " + c.tool + " not found"}
	case c.tool == "create_media_buy":
		a = s.buy(c)
	case c.tool == "get_media_buys":
		a = s.listBuys(c)
	case c.task != nil:
		a.payload = c.task.pollAnswer(s.now())
	default:
		a = *adcpError("REFERENCE_NOT_FOUND")
	}
	if s.after != nil {
		if b := s.after(*c); b != nil {
			return *b
		}
	}
	return a
}

// buy executes a purchase, or repeats its answer to the same key.
func (s *seller) buy(c *call) fakeAnswer {
	first := s.find(func(t *task) bool { return t.key == c.stringArg("idempotency_key") })
	if first != nil && !s.noDedup {
		c.task = first
		if first.arguments != string(c.raw) {
			return *adcpError("IDEMPOTENCY_CONFLICT")
		}
		return fakeAnswer{payload: s.purchaseAnswer(first, true)}
	}
	t := s.newTask(c)
	c.task, s.tasks = t, append(s.tasks, t)
	if s.push != nil && t.url != "" {
		for _, p := range s.push(t) {
			s.post(t, p)
		}
	}
	return fakeAnswer{payload: s.purchaseAnswer(t, false)}
}

func (s *seller) newTask(c *call) *task {
	t := &task{
		id:        fmt.Sprintf("task_%d", len(s.tasks)+1),
		key:       c.stringArg("idempotency_key"),
		arguments: string(c.raw),
		startedAt: s.now(),
		doneAt:    s.now().Add(s.workTime),
		outcome:   s.outcome,
		result:    s.result,
	}
	if t.result == "" {
		t.result = `{"media_buy_id":"mb_` + t.id + `","media_buy_status":"pending_creatives","packages":[]}`
		if t.outcome != adcp.StatusCompleted {
			t.result = `{"errors":[{"code":"POLICY_VIOLATION","message":"IO rejected by trafficker"}]}`
		}
	}
	if config, ok := c.args["push_notification_config"].(map[string]any); ok {
		t.url, _ = config["url"].(string)
		t.token, _ = config["token"].(string)
		t.operation, _ = config["operation_id"].(string)
		t.schemes = fmt.Sprint(config["authentication"])
	}
	return t
}

func (s *seller) purchaseAnswer(t *task, replayed bool) string {
	if s.synchronous {
		return fmt.Sprintf(`{"status":"completed","replayed":%v,%s`, replayed, t.result[1:])
	}
	return fmt.Sprintf(`{"status":"submitted","task_id":%q,"replayed":%v}`, t.id, replayed)
}

// pollAnswer is what an honest seller answers to a poll of the task.
func (t *task) pollAnswer(now time.Time) string {
	rest := `"status":"failed","error":{"code":"POLICY_VIOLATION","message":"IO rejected by trafficker"}`
	switch {
	case now.Before(t.doneAt):
		rest = `"status":"working","progress":{"percentage":10}`
	case t.outcome == adcp.StatusCompleted:
		rest = `"status":"completed","result":` + t.result
	}
	return fmt.Sprintf(`{"task_id":%q,"task_type":"create_media_buy","protocol":"media-buy",%s}`, t.id, rest)
}

func (s *seller) find(is func(*task) bool) *task {
	if i := slices.IndexFunc(s.tasks, is); i >= 0 {
		return s.tasks[i]
	}
	return nil
}

func (s *seller) callsOf(tools ...string) (all []call) {
	for _, c := range s.calls {
		if slices.Contains(tools, c.tool) {
			all = append(all, c)
		}
	}
	return all
}

func (s *seller) callCount(tool string) int { return len(s.callsOf(tool)) }

// pollCalls are the calls that polled a task.
func (s *seller) pollCalls() []call { return s.callsOf(s.pollTools...) }

// createCalls are the calls of create_media_buy.
func (s *seller) createCalls() []call { return s.callsOf("create_media_buy") }

// purchases counts what was bought: the tasks that do not end in a refusal.
func (s *seller) purchases() (n int) {
	for _, t := range s.tasks {
		if t.outcome == adcp.StatusCompleted {
			n++
		}
	}
	return n
}

// httpMethods counts the requests by HTTP method.
func (s *seller) httpMethods() map[string]int {
	n := map[string]int{}
	for _, req := range s.requests {
		n[req.httpMethod]++
	}
	return n
}

// rpcMethods counts the requests by JSON-RPC method.
func (s *seller) rpcMethods() map[string]int {
	n := map[string]int{}
	for _, req := range s.requests {
		n[req.Method]++
	}
	return n
}

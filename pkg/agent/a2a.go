package agent

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// A2A's codes for a request that is refused for the version or the extensions in its headers, before anybody looks at its message.
const (
	codeExtensionRequired   = -32008
	codeVersionNotSupported = -32009
)

// codesLost are what agents answer to a message for a task of theirs that is not known, or that is over: Python's SDK has the last one for the latter.
var codesLost = []int64{-32001, -32004, jsonrpc.CodeInvalidParams}

// peer is an agent that speaks A2A: one JSON-RPC request is one call. It is asked to answer when it is done, and about a task by another call (contract B23,
// E13). Its own tasks, their ids and their push notifications are never used: they are of the call, and AdCP's are in the arguments (contract A25, F8).
type peer struct {
	wire *wire
	card card
	// continues is the agent's own task that the call goes on with, if it does.
	continues adcp.Continuation
	// moved is called when the agent refuses a call, which may be because its card has changed.
	moved func()
}

// meet reads an agent's card, if it isn't known. A failure comes before the call: nothing was asked for.
func (c *Client) meet(ctx context.Context, a registry.Agent, w *wire) (line, error) {
	known, ok := c.cards.recall(a, c.now())
	if !ok {
		var err error
		if known, err = w.fetchCard(ctx, a.URL); err != nil {
			return nil, err
		}
		c.cards.keep(a, known, c.now())
	}
	return &peer{wire: w, card: known, continues: a.ContinueTask, moved: func() { c.cards.forget(a) }}, nil
}

func (p *peer) tools(context.Context) ([]string, error) { return p.card.skills, nil }

func (p *peer) close() {}

// call invokes a skill (contract B16).
func (p *peer) call(ctx context.Context, tool string, arguments json.RawMessage) (reply, error) {
	body, err := p.card.message(tool, arguments, p.continues)
	if err != nil {
		return reply{}, err
	}
	x := &exchange{limit: maxAnswer, body: body, subject: p.wire.pen.calling(p.card.method(), tool, arguments)}
	result, err := p.request(ctx, x)
	if err != nil {
		if f := (*failure)(nil); errors.As(err, &f) {
			if f.outcome() == adcp.Refused {
				p.moved()
			}
			f.lost = p.continues != adcp.Continuation{} && f.rpc != nil && slices.Contains(codesLost, f.rpc.Code)
		}
		return reply{}, err
	}
	return readReply(tool, result), nil
}

// method is A2A's for a call.
func (c card) method() string {
	if c.v1 {
		return "SendMessage"
	}
	return "message/send"
}

// message is the whole request: one message with one DataPart of two members (contract B17). The arguments stand in it as they are: encoded anew, they would
// lose white space and escapes (contract C6). The message's id is new every time, also when the same arguments are sent again.
//
// A call that goes on with a task of the agent's names it and its context, and sends all of the arguments again (contract J4).
func (c card) message(tool string, arguments json.RawMessage, on adcp.Continuation) ([]byte, error) {
	skill, err := json.Marshal(tool)
	if err != nil {
		return nil, err
	}
	member, tenant, task := "parameters", "", ""
	if on != (adcp.Continuation{}) {
		ids, err := json.Marshal(struct {
			TaskID    string `json:"taskId"`
			ContextID string `json:"contextId"`
		}(on))
		if err != nil {
			return nil, err
		}
		task = strings.Trim(string(ids), "{}") + ","
	}
	if c.profile {
		member = "input"
	}
	if c.tenant != "" {
		t, err := json.Marshal(c.tenant)
		if err != nil {
			return nil, err
		}
		tenant = fmt.Sprintf(`"tenant":%s,`, t)
	}
	data := fmt.Sprintf(`{"skill":%s,"%s":%s}`, skill, member, arguments)
	if c.v1 { // which waits for the end by itself
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"%s","params":{%s"message":{"messageId":"%s",%s"role":"ROLE_USER","parts":[{"data":%s}]}}}`,
			c.method(), tenant, rand.Text(), task, data), nil
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"%s","params":{"message":{"kind":"message","messageId":"%s",%s"role":"user",`+
		`"parts":[{"kind":"data","data":%s}]},"configuration":{"blocking":true}}}`, c.method(), rand.Text(), task, data), nil
}

// header is what goes with a call (contract B14). Python's agent refuses a request of 0.3 that names version 1.0, and the extension is activated only where
// the card offers it: an agent that has it would refuse `parameters`.
func (c card) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	if c.v1 {
		h.Set("A2A-Version", "1.0")
	}
	if c.profile {
		h.Set("A2A-Extensions", profileV3)
	}
	return h
}

// request sends a call and returns the result in its answer, or a *failure.
func (p *peer) request(ctx context.Context, x *exchange) (json.RawMessage, error) {
	body, err := p.wire.ask(ctx, http.MethodPost, p.card.endpoint, p.card.header(), x)
	if err != nil {
		if f := (*failure)(nil); errors.As(err, &f) && f.rpc != nil {
			return nil, f.ofA2A()
		}
		return nil, err
	}
	// The type that the agent gives the body is not looked at: an answer to our request is what reads as one.
	var m struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  json.RawMessage `json:"result"`
		Error   json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, x.failed(fmt.Errorf("the answer is no JSON-RPC: %w", err))
	}
	id, result, failed := string(m.ID), !absent(m.Result), !absent(m.Error)
	switch {
	case m.Version != "2.0" || result == failed:
		return nil, x.failed(errors.New("the answer is no JSON-RPC: it has a result or an error"))
	case id != "1" && (result || !absent(m.ID)): // an agent that can't read a request doesn't know its id
		return nil, x.failed(fmt.Errorf("the agent answered request %.40s, not 1", id))
	case failed:
		rpc := rpcError(body)
		if rpc == nil {
			return nil, x.failed(errors.New("the answer is no JSON-RPC: its error can't be read"))
		}
		return nil, x.failed(nil).with(rpc).ofA2A()
	}
	return m.Result, nil
}

// ofA2A reads what the agent's JSON-RPC error means over A2A. Skills are not methods: only invalid parameters may be about what was asked for.
func (f *failure) ofA2A() *failure {
	f.refused = f.rpc.Code == codeExtensionRequired || f.rpc.Code == codeVersionNotSupported
	f.door = f.rpc.Code != jsonrpc.CodeInvalidParams
	return f
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// readReply finds the AdCP answer in the result of a call: a task, bare or in an envelope.
//
// A completed A2A task holds what the AdCP task answered, whatever its status (contract A25): what MCP answers without isError. One that ended otherwise is a
// call that failed, as with isError, unless its data gives the AdCP task a status, which goes before A2A's own (contract A26). That is not so for a poll: that
// the question failed says nothing of the task that it was about (contract A28, E13). One on its way has no answer but its data: without any, it names no AdCP
// work (contract A8).
func readReply(tool string, result json.RawMessage) reply {
	a, err := adcp.ExtractA2A(result)
	var data struct {
		Status json.RawMessage `json:"status"`
		TaskID json.RawMessage `json:"task_id"`
	}
	_ = json.Unmarshal(a.Data, &data) // what is no object has neither
	var word string
	_ = json.Unmarshal(data.Status, &word)
	status, poll := adcp.Status(word), slices.Contains(pollTools, tool)
	e, failed := adcp.ReadA2AError(result)
	onItsWay := a.State != "" && !a.State.Terminal()
	answered := a.State == adcp.StatusCompleted && (!failed || status.Valid()) || onItsWay || status.Valid() && !poll
	over := a.State == adcp.StatusFailed || a.State == adcp.StatusRejected
	if failed && !answered {
		return reply{Response: adcp.Response{Err: &e, WorkFailed: over}}
	}
	r := reply{silence: hush(a, err)}
	if err != nil || a.Data == nil || !answered {
		return r
	}
	payload := a.Data
	if onItsWay && absent(data.Status) { // contract A26: an older agent's way to say it
		asks := a.State == adcp.StatusInputRequired || a.State == adcp.StatusAuthRequired
		if poll || !asks && absent(data.TaskID) && a.TaskID == "" {
			return r
		}
		payload, status = add(payload, "status", string(a.State)), a.State
	}
	if status == adcp.StatusSubmitted && absent(data.TaskID) && a.TaskID != "" { // contract B21
		payload = add(payload, "task_id", a.TaskID)
	}
	r.Response = adcp.ToolResult{Structured: payload}.Response()
	if a.State == adcp.StatusInputRequired || a.State == adcp.StatusAuthRequired {
		r.Continuation = continuation(a)
	}
	r.WorkFailed = over
	return r
}

// maxHandle is the longest id of A2A's that is kept.
const maxHandle = 512

// continuation is where an A2A task waits for us: both of its ids, or nothing.
func continuation(a adcp.A2A) adcp.Continuation {
	if a.ID == "" || a.ContextID == "" || len(a.ID) > maxHandle || len(a.ContextID) > maxHandle {
		return adcp.Continuation{}
	}
	return adcp.Continuation{TaskID: a.ID, ContextID: a.ContextID}
}

// add puts a member in front of a JSON object's own, which stay as they are.
func add(object json.RawMessage, name, value string) json.RawMessage {
	member, err := json.Marshal(map[string]string{name: value})
	if err != nil {
		return object
	}
	rest := strings.TrimLeft(string(object[1:]), " \t\r\n")
	if rest != "}" {
		rest = "," + rest
	}
	return json.RawMessage(strings.TrimSuffix(string(member), "}") + rest)
}

// hush describes a result that holds no AdCP answer.
func hush(a adcp.A2A, err error) error {
	if err != nil {
		return &cleanError{fmt.Errorf("the answer is no A2A task with an AdCP object: %w", err)}
	}
	said := "nothing"
	if a.Text != "" {
		said = clean(a.Text)
	}
	return fmt.Errorf("the A2A task is %q and holds no AdCP object, it said: %s", a.State, said)
}

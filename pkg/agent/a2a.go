package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// A2A's codes for the version or the extensions in the headers of a request.
const (
	codeExtensionRequired   = -32008
	codeVersionNotSupported = -32009
)

// continuationLostCodes are the codes that agents return for a message to one of their tasks that
// is unknown or over. Python's SDK returns the last one for a task that is over.
var continuationLostCodes = []int64{-32001, -32004, codeInvalidParams}

// a2aSession serves one call over A2A, as one JSON-RPC request. The request asks the agent to
// answer when it is done; a poll is another call (contract B23, E13). A2A's own tasks, their ids
// and their push notifications are not used, because they belong to the call: the AdCP task and
// its webhook are in the arguments (contract A25, F8).
type a2aSession struct {
	transport *transport
	card      card
	// continuation is the agent's own task that the call continues, if any.
	continuation adcp.Continuation
	// forgetCard is called when the agent refuses a call as it does after a change of its card.
	forgetCard func()
}

// openA2A reads the agent's card unless it is cached. A failure here is before the call: nothing
// was requested.
func (c *Client) openA2A(ctx context.Context, a registry.Agent, t *transport) (session, error) {
	cached, ok := c.cards.get(a, c.now())
	if !ok {
		var err error
		if cached, err = t.fetchCard(ctx, a.URL); err != nil {
			return nil, err
		}
		c.cards.put(a, cached, c.now())
	}
	return &a2aSession{
		transport:    t,
		card:         cached,
		continuation: a.ContinueTask,
		forgetCard:   func() { c.cards.forget(a) },
	}, nil
}

func (s *a2aSession) tools(context.Context) ([]string, error) { return s.card.skills, nil }

func (s *a2aSession) close() {}

// call invokes a skill (contract B16).
func (s *a2aSession) call(ctx context.Context, tool string, arguments json.RawMessage) (toolAnswer, error) {
	body, err := s.card.message(tool, arguments, s.continuation)
	if err != nil {
		return toolAnswer{}, err
	}
	x := &exchange{
		limit:   maxAnswer,
		body:    body,
		subject: s.transport.signer.callSubject(s.card.method(), tool, arguments),
	}
	result, err := s.request(ctx, x)
	if err != nil {
		if f := (*failure)(nil); errors.As(err, &f) {
			if f.suggestsStaleCard() {
				s.forgetCard()
			}
			f.continuationLost = s.continuation.Known() && f.rpc != nil &&
				slices.Contains(continuationLostCodes, f.rpc.Code)
		}
		return toolAnswer{}, err
	}
	return readA2AAnswer(tool, result), nil
}

// method is A2A's JSON-RPC method for a call.
func (c card) method() string {
	if c.v1 {
		return "SendMessage"
	}
	return "message/send"
}

// The requests of both releases. 1.0 waits for the end by itself, 0.3 only with "blocking".
const (
	requestV1 = `{"jsonrpc":"2.0","id":1,"method":"%s","params":{%s"message":{"messageId":"%s",%s` +
		`"role":"ROLE_USER","parts":[{"data":%s}]}}}`
	requestV03 = `{"jsonrpc":"2.0","id":1,"method":"%s","params":{"message":{"kind":"message","messageId":"%s",%s` +
		`"role":"user","parts":[{"kind":"data","data":%s}]},"configuration":{"blocking":true}}}`
)

// message is the whole request: one message with one DataPart of two members (contract B17). The
// arguments are inserted as they are, because encoding them anew would lose white space and escapes
// (contract C6). The message's id is new every time, also when the same arguments are sent again.
//
// A call that continues one of the agent's own tasks names that task and its context, and sends all
// of the arguments again (contract J4).
func (c card) message(tool string, arguments json.RawMessage, continued adcp.Continuation) ([]byte, error) {
	skill, err := json.Marshal(tool)
	if err != nil {
		return nil, err
	}
	member, tenant, task := "parameters", "", ""
	if continued.Known() {
		ids, err := json.Marshal(struct {
			TaskID    string `json:"taskId"`
			ContextID string `json:"contextId"`
		}{continued.TaskID, continued.ContextID})
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
	if c.v1 {
		return fmt.Appendf(nil, requestV1, c.method(), tenant, rand.Text(), task, data), nil
	}
	return fmt.Appendf(nil, requestV03, c.method(), rand.Text(), task, data), nil
}

// header returns the headers of a call (contract B14). Python's agent refuses a 0.3 request that
// names version 1.0. The extension is activated only if the card offers it: an agent with the
// extension would refuse `parameters`.
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
func (s *a2aSession) request(ctx context.Context, x *exchange) (json.RawMessage, error) {
	body, err := s.transport.do(ctx, http.MethodPost, s.card.endpoint, s.card.header(), x)
	if err != nil {
		if f := (*failure)(nil); errors.As(err, &f) && f.rpc != nil {
			return nil, f.readA2ACode()
		}
		return nil, err
	}
	// The content type is not checked: a body that reads as the answer to our request is the answer.
	var m map[string]json.RawMessage // keeps the names exact; a struct would match them in any case
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, x.failed(fmt.Errorf("the answer is not JSON-RPC: %w", err))
	}
	id, hasResult, hasError := string(m["id"]), !isAbsent(m["result"]), !isAbsent(m["error"])
	switch {
	case string(m["jsonrpc"]) != `"2.0"` || hasResult == hasError:
		return nil, x.failed(errors.New("the answer is not JSON-RPC 2.0 with either a result or an error"))
	case id != "1" && (hasResult || !isAbsent(m["id"])): // an agent that cannot read a request does not know its id
		return nil, x.failed(fmt.Errorf("the agent answered request %.40s, not 1", id))
	case hasError:
		rpc := readRPCError(body)
		if rpc == nil {
			return nil, x.failed(errors.New("the answer is not JSON-RPC: its error cannot be read"))
		}
		return nil, x.failed(nil).withRPC(rpc).readA2ACode()
	}
	return m["result"], nil
}

// readA2ACode sets what the agent's JSON-RPC code means over A2A. Skills are not methods: only
// invalid parameters may be about the skill or its arguments.
func (f *failure) readA2ACode() *failure {
	f.accessError = f.rpc.Code != codeInvalidParams
	return f
}

package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
)

// page is a page of a list.
type page struct {
	items []json.RawMessage
	// success: the answer is a success in the form of its schema, and reports no error beside the
	// items. Only then is what it leaves out not there.
	success bool
	more    bool
	cursor  string
	last    bool // the agent says that no page follows
	total   int  // the number of all items as the agent says it, 0 if it does not
}

// errNoList says that an answer does not have the list that was asked for.
var errNoList = errors.New("the answer has no list")

// readPage reads a page. An answer without the list is no page: it proves nothing.
func readPage(payload json.RawMessage, list string) (p page, err error) {
	var m, pagination, summary map[string]json.RawMessage
	if json.Unmarshal(payload, &m) != nil || json.Unmarshal(m[list], &p.items) != nil { // a missing one as well
		return page{}, errNoList
	}
	// Members of an odd form say nothing, and so prove nothing.
	_ = json.Unmarshal(m["pagination"], &pagination)
	_ = json.Unmarshal(m["query_summary"], &summary)
	_ = json.Unmarshal(pagination["cursor"], &p.cursor)
	p.more, p.last = string(pagination["has_more"]) == "true", string(pagination["has_more"]) == "false"
	for _, count := range []json.RawMessage{pagination["total_count"], summary["total_matching"]} {
		var n int
		if count != nil && json.Unmarshal(count, &n) != nil {
			p.last = false
		}
		p.total = max(p.total, n)
	}
	p.success = p.items != nil && reportsSuccess(m)
	return p, nil
}

// reportsSuccess reports whether an answer says in no member that something went wrong.
func reportsSuccess(m map[string]json.RawMessage) bool {
	for name, harmless := range map[string][]string{
		"status":     {`"completed"`},
		"success":    {"true"},
		"ok":         {"true"},
		"isError":    {"false"},
		"error":      {"false", `""`, "{}", "[]"},
		"errors":     {"[]"},
		"adcp_error": {},
	} {
		if v := string(m[name]); v != "" && v != "null" && !slices.Contains(harmless, v) {
			return false
		}
	}
	return true
}

// page asks for one page. If the agent refuses the question, it is asked without the members that a
// look-up can do without, once for each, before starting is over. An AdCP error is returned as a
// *adcp.CallError.
func (l *lookUp) page(ctx, starting context.Context, tool, list string, arguments map[string]any) (page, error) {
	p, refusal, err := l.ask(ctx, tool, list, arguments)
	for refusal != nil {
		member := dispensable(refusal, arguments)
		if member == "" {
			break
		}
		l.leaveOut(tool, arguments, member)
		p, refusal, err = l.ask(ctx, tool, list, arguments)
	}
	if refusal != nil && !blamesAMember(refusal, arguments) || refusal == nil && !refusesQuestion(err) {
		return p, err
	}
	for _, members := range trials(arguments) {
		if starting.Err() != nil {
			break
		}
		without := maps.Clone(arguments)
		for _, member := range members {
			delete(without, member)
		}
		p, again, trialErr := l.ask(ctx, tool, list, without)
		switch {
		case trialErr == nil:
			l.leaveOut(tool, arguments, members...)
			return p, nil
		case again == nil && !refusesQuestion(trialErr), again != nil && again.RetryAfter > 0:
			return page{}, trialErr // it does not answer any more, or asks for time (contract D8)
		}
	}
	return page{}, err
}

// leaveOut removes members from a question, and from all later ones of the tool.
func (l *lookUp) leaveOut(tool string, arguments map[string]any, members ...string) {
	for _, member := range members {
		delete(arguments, member)
		l.leftOut[tool] = append(l.leftOut[tool], member)
	}
}

// ask asks one question, with a fresh key. An AdCP error that answers it is returned as the refusal
// too.
func (l *lookUp) ask(ctx context.Context, tool, list string, arguments map[string]any) (
	p page, refusal *adcp.Error, err error) {
	if key := l.newKey(); arguments["idempotency_key"] != nil {
		arguments["idempotency_key"] = key
	}
	raw, err := json.Marshal(arguments)
	if err != nil {
		return page{}, nil, err
	}
	r, err := l.caller.Call(ctx, l.agent, tool, raw)
	if err != nil {
		return page{}, nil, err
	}
	if r.Err != nil {
		return page{}, r.Err, &adcp.CallError{Outcome: adcp.Refused, RetryAfter: r.Err.RetryAfter, Code: r.Err.Code,
			Cause: errors.New(tool + ": " + r.Err.Describe())}
	}
	if p, err = readPage(r.Payload, list); err != nil {
		return page{}, nil, &adcp.CallError{Outcome: adcp.Refused, Cause: fmt.Errorf("%s: %w", tool, err)}
	}
	return p, nil, nil
}

// dispensables are the members of a question that a look-up can do without. Whether something
// belongs to the operation is decided by the id in its context, so the account adds nothing; real
// agents that don't filter by account refuse it and name no field. An agent without the version of
// the purchase may choose one (contract B31). Frameworks refuse members that a tool does not know.
var dispensables = []string{"account", "status_filter", "sort", "adcp_version", "idempotency_key"}

// trials are what a refused question is asked without: each member that can be left out, then all.
func trials(arguments map[string]any) (all [][]string) {
	var sent []string
	for _, member := range dispensables {
		if arguments[member] != nil {
			sent, all = append(sent, member), append(all, []string{member})
		}
	}
	if len(sent) > 1 {
		all = append(all, sent)
	}
	return all
}

// dispensable returns the member of a question that an agent refuses by name and a look-up can do
// without, "" if there is none.
func dispensable(e *adcp.Error, arguments map[string]any) string {
	member := fieldOf(e)
	switch {
	case e.Code == "VERSION_UNSUPPORTED":
		member = "adcp_version"
	case e.Recovery != adcp.Correctable:
		return ""
	}
	if !slices.Contains(dispensables, member) || arguments[member] == nil {
		return ""
	}
	return member
}

// blamesAMember reports whether an AdCP error may refuse a question for one of its members without
// saying for which. Agents that catch a framework's refusal give it a code of their own.
func blamesAMember(e *adcp.Error, arguments map[string]any) bool {
	_, named := arguments[fieldOf(e)]
	if named || e.RetryAfter > 0 || e.SaysTransient() {
		return false
	}
	_, known := adcp.PolicyOf(e.Code)
	return !known || e.Recovery == adcp.Correctable && slices.Contains([]string{
		"VALIDATION_ERROR", "INVALID_REQUEST", "UNSUPPORTED_FEATURE", "FIELD_NOT_PERMITTED",
	}, e.Code)
}

// fieldOf returns the member of the request that an error names.
func fieldOf(e *adcp.Error) string {
	member, _, _ := strings.Cut(strings.TrimLeft(e.Field, "$./"), ".")
	member, _, _ = strings.Cut(member, "[")
	return member
}

// refusesQuestion reports whether an error is a refusal of the question that is not AdCP's: by a
// framework, in words, as a JSON-RPC error, or as an object without the list. A failure of the
// transport is none.
func refusesQuestion(err error) bool {
	var ce *adcp.CallError
	if !errors.As(err, &ce) || ce.Outcome == adcp.Unsent || ce.RetryAfter > 0 {
		return false
	}
	switch ce.Status {
	case http.StatusOK, http.StatusBadRequest, http.StatusUnprocessableEntity:
		return true
	}
	return ce.Status == 0 && (ce.RPCCode != 0 || errors.Is(err, errNoList))
}

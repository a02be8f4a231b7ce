package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// all are the ids of the world's operations, the newest first.
var all = []string{opUnclear, opWorking, opDone, opFailed, opRejected, opCanceled, opAsks}

// answers are the routes that are no handlers of httpapi here. Operations are httpapi's views of
// what is stored; the rest are answers as the API documents them.
func (s *server) answers(api httpapi.API) {
	s.canned["GET /v1/whoami"] = text(`{"tenant": "acme", "key": {"id": "key_abcdefghijklmnop", "name": "trading-desk",
		"scopes": ["operations:read", "operations:write"], "expires_at": null}, "release": "2026.11.1", "limits": {}}`)
	s.canned["GET /v1/operations"] = func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var items []any
		for _, id := range all {
			op, err := s.store.Get(r.Context(), "acme", id)
			if err != nil {
				panic(err)
			}
			attention := q.Get("needs_attention") == "" || op.Attention != nil
			state := q.Get("state") == "" || q.Get("state") == string(op.State) || q.Get("state") == "open" &&
				!op.State.Terminal()
			named := q.Get("q") == "" || slices.Contains([]string{op.ID, op.PONumber, op.TaskID}, q.Get("q"))
			if attention && state && named && (q.Get("agent_id") == "" || q.Get("agent_id") == op.AgentID) {
				items = append(items, api.View(op))
			}
		}
		s.page(w, r, items)
	}
	s.canned["GET /v1/operations/{id}/events"] = s.record(func(w http.ResponseWriter, r *http.Request,
		rec operation.Record) {
		after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		var items []any
		for _, e := range rec.Events {
			if e.Seq > after && (r.URL.Query().Get("kind") == "" || r.URL.Query().Get("kind") == string(e.Kind)) {
				items = append(items, e)
			}
		}
		s.page(w, r, items)
	})
	s.canned["GET /v1/operations/{id}/request"] = s.record(func(w http.ResponseWriter, _ *http.Request,
		rec operation.Record) {
		_, _ = w.Write(rec.Request)
	})
	s.canned["GET /v1/operations/{id}/result"] = s.record(func(w http.ResponseWriter, _ *http.Request,
		rec operation.Record) {
		if rec.Result == nil {
			s.problem(w, http.StatusNotFound, "no_result_yet", "the operation has no result yet", string(rec.Op.State))
			return
		}
		_, _ = w.Write(rec.Result)
	})
	for _, act := range []string{"cancel", "poll", "pause", "resume", "resolve"} {
		s.canned["POST /v1/operations/{id}/"+act] = s.record(s.acts(api, act))
	}
	s.canned["GET /v1/metrics"] = text(`{"from": "2026-11-25T12:00:00Z", "to": "2026-11-26T12:00:00Z",` +
		` "step": "1h", "items": [
		{"name": "pending", "unit": "operations", "points": [{"at": "2026-11-26T10:00:00Z", "value": 41},
			{"at": "2026-11-26T11:00:00Z", "value": 39}]},
		{"name": "rejection_rate", "unit": "ratio", "points": [{"at": "2026-11-26T10:00:00Z", "value": null},
			{"at": "2026-11-26T11:00:00Z", "value": 0.031}]}]}`)
	s.counterparties()
	s.administration()
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// page writes one page of items: the cursor is where the next begins.
func (s *server) page(w http.ResponseWriter, r *http.Request, items []any) {
	q := r.URL.Query()
	first, _ := strconv.Atoi(q.Get("cursor"))
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = 50
	}
	end := min(first+limit, len(items))
	body := map[string]any{"items": append([]any{}, items[min(first, end):end]...), "self": s.URL + r.URL.String()}
	if r.URL.Path == "/v1/events" {
		body["cursor"] = strconv.Itoa(end)
	}
	if end < len(items) {
		q.Set("cursor", strconv.Itoa(end))
		next := url.URL{Path: r.URL.Path, RawQuery: q.Encode()}
		body["next"] = "https://elsewhere.example/live" + next.String() // whatever address it says, the key stays here
	}
	_ = json.NewEncoder(w).Encode(body)
}

// record is an answer about one operation.
func (s *server) record(f func(http.ResponseWriter, *http.Request, operation.Record)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rec, err := s.store.Load(r.Context(), "acme", r.PathValue("id"))
		if err != nil {
			s.problem(w, http.StatusNotFound, "not_found", "it does not exist, or it is not yours", "")
			return
		}
		f(w, r, rec)
	}
}

// acts answers the acts on operations by state.
func (s *server) acts(api httpapi.API, act string) func(http.ResponseWriter, *http.Request, operation.Record) {
	return func(w http.ResponseWriter, r *http.Request, rec operation.Record) {
		state := string(rec.Op.State)
		view := map[string]any{}
		_ = json.Unmarshal([]byte(jsonText(api.View(rec.Op))), &view)
		switch {
		case act == "cancel" && rec.Op.State.Terminal():
			s.problem(w, http.StatusConflict, "not_cancellable", "the operation has "+state+": there is nothing to cancel",
				state)
			return
		case act == "resolve" && r.Header.Get("If-Match") != `"2"`:
			s.problem(w, http.StatusPreconditionFailed, "version_mismatch", "it has changed since you read it", state)
			return
		case act == "resolve" && rec.Op.Attention == nil:
			s.problem(w, http.StatusConflict, "not_unclear", "the outcome is not unclear", state)
			return
		case rec.Op.State.Terminal():
			s.problem(w, http.StatusConflict, "operation_ended", "the operation has ended", state)
			return
		case act == "cancel":
			view["cancellation"] = map[string]any{"state": "wished", "buy": "cancel", "reason": "wrong dates", "at": now}
			w.WriteHeader(http.StatusAccepted)
		case act == "poll":
			view["next"] = map[string]any{"action": "poll", "at": now.Add(2e9)}
			w.WriteHeader(http.StatusAccepted)
		case act == "pause":
			view["paused"] = map[string]any{"reason": "holiday", "at": now}
		case act == "resolve":
			view["state"] = "failed"
		}
		_ = json.NewEncoder(w).Encode(view)
	}
}

// lines are the items of a list, one JSON object a line.
func lines(text string) (items []any) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		items = append(items, json.RawMessage(line))
	}
	return items
}

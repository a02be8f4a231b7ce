package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// told is a day in the life of an operation.
func told() (operation.Operation, []operation.Event) {
	start := time.Date(2026, 11, 24, 9, 12, 3, 0, time.UTC)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	op := operation.Operation{ID: "op_1", Type: adcp.CreateMediaBuy, PONumber: "PO-2026-1187", AgentID: "nova-retail",
		State: operation.InputRequired, Version: 47, TaskID: "tk_7f31c0",
		Attention: &operation.Attention{Reason: operation.InputNeeded, Since: at(27 * time.Hour), Detail: "asked"},
		InputRequest: operation.InputRequest{Generation: 1, Prompt: json.RawMessage(
			`{"reason":"APPROVAL_REQUIRED",` +
				`"message":"The flight crosses our holiday freeze.\n25 Nov 10:00:00  +  created\u202e"}`)}}
	events := []operation.Event{
		{Seq: 1, At: start, Kind: operation.EventCreated, Channel: operation.ByAPI,
			Actor: &operation.Actor{Type: operation.ActorAPIKey, ID: "k1", Name: "trading-desk"}},
		{Seq: 2, At: start, Kind: operation.EventCalling, Channel: operation.ByOrchestrator, Detail: "attempt 1"},
		{Seq: 4, At: at(8 * time.Second), Kind: operation.EventNoAnswer, Channel: operation.ByAnswer, Detail: "timeout"},
		{Seq: 7, At: at(38 * time.Second), Kind: operation.EventChanged, Channel: operation.ByAnswer,
			From: operation.CallingAdCP, To: operation.Submitted, AgentMessage: "queued\nfor review"},
	}
	for i := range 8 {
		events = append(events, operation.Event{Seq: int64(10 + i), At: at(time.Duration(i+1) * 20 * time.Minute),
			Kind: operation.EventSeen, Channel: operation.ByPoll})
	}
	return op, append(events,
		operation.Event{Seq: 20, At: at(4*time.Hour + 49*time.Minute), Kind: operation.EventChanged,
			Channel: operation.ByWebhook, From: operation.Submitted, To: operation.Working},
		operation.Event{Seq: 30, At: at(24 * time.Hour), Kind: operation.EventAttention,
			Channel: operation.ByOrchestrator, Detail: "deadline_passed"},
		operation.Event{Seq: 47, At: at(27 * time.Hour), Kind: operation.EventChanged, Channel: operation.ByPoll,
			From: operation.Working, To: operation.InputRequired},
		operation.Event{Seq: 48, At: at(28 * time.Hour), Kind: operation.EventSeen, Channel: operation.ByPoll})
}

func TestTimelineIsTextToRead(t *testing.T) {
	t.Parallel()
	const wanted = `create_media_buy PO-2026-1187 with nova-retail
op_1  input_required, version 47, task tk_7f31c0
24 Nov 09:12:03  +  created                                       trading-desk
       09:12:03  →  calling
                    attempt 1
       09:12:11  ×  no answer                                     answer
                    timeout
       09:12:41  ←  calling adcp → submitted                      answer
                    | queued
                    | for review
                 ┆  4h48m, 8 polls, nothing new
       14:01:03  ←  submitted → working                           webhook
                 ┆  19h11m
25 Nov 09:12:03  !  attention
                    deadline_passed
                 ┆  3h00m
       12:12:03  ←  working → input required                      poll
                 ┆  1h00m, 1 poll, nothing new
needs a person since 2026-11-25 12:12:03 UTC: input_needed: asked
nova-retail asks (unchecked text of the agent):
  | APPROVAL_REQUIRED
  | The flight crosses our holiday freeze.
  | 25 Nov 10:00:00  +  created<U+202E>
`
	op, events := told()
	if got := timeline(op, events); got != wanted {
		t.Errorf("got\n%s\nwant\n%s", got, wanted)
	}
}

// Whatever an agent says, no line of it can be taken for one of ours, and no character of it does
// anything to a terminal.
func TestAgentsWordsStayFenced(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"\x1b[2J\x1b]0;title\a", "a\r24 Nov 09:12:03  +  created", "\u202egnp.exe", "zero\u200bwidth\ufeff", "\u2028line",
		strings.Repeat("x", 5000), strings.Repeat("line\n", 5000), "\xff\xfe", "tab\there", "\x85\x9b31m", "\n\n\n",
	} {
		prompt, err := json.Marshal(map[string]string{"message": words, "reason": words})
		if err != nil {
			t.Fatal(err)
		}
		op := operation.Operation{ID: "op_1", AgentID: "a", State: operation.InputRequired, TaskID: words,
			MediaBuyID: words, PONumber: words, Attention: &operation.Attention{Reason: operation.InputNeeded, Detail: words},
			InputRequest: operation.InputRequest{Generation: 1, Prompt: prompt}}
		e := operation.Event{Kind: operation.EventChanged, Channel: operation.ByPoll, AgentMessage: words, Detail: words,
			Actor: &operation.Actor{Name: words, OnBehalfOf: words}, Notification: &operation.Notification{
				Type: words}}
		text := timeline(op, []operation.Event{e})
		for _, r := range text {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%.20q: %U is in the text", words, r)
			}
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		ours := 0
		for _, line := range lines {
			if !strings.HasPrefix(strings.TrimLeft(line, " "), "|") {
				ours++
			}
		}
		if ours != 6 || len(lines) > 6+2*(wordsLines+1) {
			t.Errorf("%.20q: %d lines, %d of them ours:\n%.2000s", words, len(lines), ours, text)
		}
	}
}

// A long life is cut at its beginning, and the text says so.
func TestTimelineOfALongLifeHasAnEnd(t *testing.T) {
	t.Parallel()
	var events []operation.Event
	for i := range 3000 {
		events = append(events, operation.Event{Seq: int64(i), Kind: operation.EventNews, Channel: operation.ByWebhook,
			Detail: fmt.Sprint("number ", i)})
	}
	text := timeline(operation.Operation{ID: "op_1"}, events)
	if !strings.Contains(text, "1000 earlier events are left out") || strings.Contains(text, "number 999\n") ||
		!strings.Contains(text, "number 1000\n") || !strings.Contains(text, "number 2999\n") {
		t.Errorf("got %.500s", text)
	}
}

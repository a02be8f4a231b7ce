package adcp

import (
	"encoding/json"
	"strings"
)

// Unspecified is the Code of the Error that Reason makes of words. No agent's code is known then.
const Unspecified = "UNSPECIFIED"

// maxWords bounds a reason in words, in bytes (contract A8).
const maxWords = 2000

// Reason returns why the task failed or was rejected: the agent's error object, else an Error with
// Code Unspecified that has the agent's words as its Message, nil if the agent gave no reason.
// Decide by Err only: words are for people (contract D18).
func (a Answer) Reason() *Error {
	if a.Err == nil && a.Words != "" {
		return &Error{Code: Unspecified, Message: a.Words, Recovery: Terminal}
	}
	return a.Err
}

// explain sets the reason of an end that is a refusal. m are the members of payload.
func (a *Answer) explain(payload json.RawMessage, m map[string]json.RawMessage) {
	if a.Status != StatusFailed && a.Status != StatusRejected {
		return
	}
	if a.Err = errorIn(payload, m); a.Err != nil {
		return
	}
	result := object(m["result"])
	for _, words := range []string{
		wordsOf(m), wordsOf(result), wordsIn(m["result"], result), inWords(result["message"]), wordsIn(payload, m), a.Message,
	} {
		if words = strings.TrimSpace(words); words != "" {
			a.Words = cut(words, maxWords)
			return
		}
	}
}

// wordsOf returns the words in the members of a refusal that have the place of an error object.
func wordsOf(m map[string]json.RawMessage) string {
	for _, raw := range []json.RawMessage{
		m["adcp_error"], m["error"], head(list(m["errors"], 1)), m["reason"], m["detail"],
	} {
		if s := inWords(raw); s != "" {
			return s
		}
	}
	return ""
}

// inWords returns a string, or the message of an object.
func inWords(raw json.RawMessage) string { return wordsIn(raw, object(raw)) }

// wordsIn is inWords for a value whose members are known: a large one is not read twice.
func wordsIn(raw json.RawMessage, members map[string]json.RawMessage) string {
	if s, ok := text(raw); ok {
		return s
	}
	s, _ := text(members["message"])
	return s
}

// cut returns the beginning of a text, at most limit bytes long, without half a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// Says is what the agent says about its answer in words, "" if it says nothing: its reason for an
// end that is a refusal, else its message.
func (a Answer) Says() string {
	if e := a.Reason(); e != nil && e.Message != "" {
		return e.Message
	}
	return a.Message
}

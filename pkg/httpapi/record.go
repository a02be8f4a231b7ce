package httpapi

import (
	"bytes"
	"encoding/json"
	"slices"

	"adcp-orchestrator/pkg/digest"
)

// maxAnswer is the largest body that an operation is shown in, in bytes as they count for Lambda,
// whose limit is 6 MB: an answer above it is lost as a whole, and its caller gets a 502.
const maxAnswer = 5_500_000

// tooLargeToShow says what of an operation is left out of an answer because the answer could not be
// delivered with it. The digests are of the bytes that are left out.
type tooLargeToShow struct {
	ResultLeftOut  bool   `json:"result_too_large_to_show,omitempty"`
	ResultBytes    int    `json:"result_bytes,omitempty"`
	ResultSHA256   string `json:"result_sha256,omitempty"`
	RequestLeftOut bool   `json:"request_too_large_to_show,omitempty"`
	RequestBytes   int    `json:"request_bytes,omitempty"`
	RequestSHA256  string `json:"request_sha256,omitempty"`
	// EventsLeftOut is how many of the oldest events are not shown.
	EventsLeftOut int `json:"events_left_out,omitempty"`
}

// encodeOperation writes an operation with its request, result and events, within maxAnswer
// whatever they hold: first without its result, then without its request, then without its oldest
// events. The words of the agent that an operation shows are escaped for HTML as everywhere; the
// request and the result are written as they are, because the escapes would make six bytes of one.
func encodeOperation(v Operation) (string, error) {
	request, err := compacted(v.Request)
	if err != nil {
		return "", err
	}
	result, err := compacted(v.Result)
	if err != nil {
		return "", err
	}
	stored := v.Result
	v.Request, v.Result = nil, nil
	head, err := json.Marshal(v)
	for ; err == nil && lambdaSize(head) > maxAnswer && len(v.Events) > 0; head, err = json.Marshal(v) {
		half := (len(v.Events) + 1) / 2
		v.Events, v.EventsLeftOut = slices.Clone(v.Events[half:]), v.EventsLeftOut+half
	}
	if err != nil {
		return "", err
	}
	room := maxAnswer - lambdaSize(head)
	if n := lambdaSize(request); n > room {
		v.leaveOutRequest(request)
		request = nil
	} else {
		room -= n
	}
	if lambdaSize(result) > room {
		v.leaveOutResult(stored)
		result = nil
	}
	if head, err = json.Marshal(v); err != nil {
		return "", err
	}
	return string(withMember(withMember(head, "request", request), "result", result)), nil
}

func (t *tooLargeToShow) leaveOutRequest(raw []byte) {
	t.RequestLeftOut, t.RequestBytes, t.RequestSHA256 = true, len(raw), digest.Bytes(raw)
}

func (t *tooLargeToShow) leaveOutResult(raw []byte) {
	t.ResultLeftOut, t.ResultBytes, t.ResultSHA256 = true, len(raw), digest.Bytes(raw)
}

func compacted(raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	err := json.Compact(&b, raw)
	return b.Bytes(), err
}

// withMember adds a member to the end of a JSON object that has others.
func withMember(object []byte, name string, value []byte) []byte {
	if value == nil {
		return object
	}
	return slices.Concat(object[:len(object)-1], []byte(`,"`+name+`":`), value, []byte("}"))
}

// lambdaSize is how many bytes a body takes as a string of the event that Lambda returns.
func lambdaSize(body []byte) int {
	n := len(body)
	for i, b := range body {
		switch {
		case b == '"' || b == '\\' || b == '\n' || b == '\r' || b == '\t':
			n++
		case b < ' ':
			n += 5
		case b == 0xe2 && i+2 < len(body) && body[i+1] == 0x80 && body[i+2]&^1 == 0xa8: // U+2028, U+2029
			n += 3
		}
	}
	return n
}

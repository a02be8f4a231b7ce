package adcp

import (
	"encoding/json"
)

// maxPrompt bounds the prompt that is kept, in bytes.
const maxPrompt = 16 << 10

func (a Answer) needsInput() bool {
	return a.Status == StatusInputRequired || a.Status == StatusAuthRequired
}

// promptOf returns the input that an agent requests: the task's body and the message. It is nil if
// the agent says nothing.
func promptOf(body json.RawMessage, message string) json.RawMessage {
	m := map[string]json.RawMessage{}
	for name, v := range object(body) {
		if !EnvelopeMember(name) {
			m[name] = v
		}
	}
	if message != "" {
		m["message"], _ = json.Marshal(message) // a string always marshals
	}
	if b, err := json.Marshal(m); err == nil && len(m) > 0 && len(b) <= maxPrompt {
		return b
	}
	if message == "" {
		return nil
	}
	// Escaped, a character may take six bytes.
	b, err := json.Marshal(map[string]string{"message": cut(message, maxPrompt/8)})
	if err != nil {
		return nil
	}
	return b
}

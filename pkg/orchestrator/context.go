package orchestrator

import "encoding/json"

// contextMember is the member of a request's context that holds the operation's id. Agents keep the
// context and return it with what the request has made, so it is the natural key which proves that
// a buy or a task belongs to an operation (contract B8, C16, G10). It is not part of the
// idempotency fingerprint (contract C9).
const contextMember = "adcp_operation_id"

// withContext adds the operation's id to a request's context.
func withContext(client json.RawMessage, id string) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if len(client) > 0 {
		if err := json.Unmarshal(client, &members); err != nil {
			return nil, err
		}
	}
	members[contextMember] = json.RawMessage(`"` + id + `"`)
	return json.Marshal(members)
}

// carriesID reports whether a context is the one that an operation was sent with.
func carriesID(context json.RawMessage, id string) bool {
	var members map[string]json.RawMessage
	var got string
	return json.Unmarshal(context, &members) == nil && json.Unmarshal(members[contextMember], &got) == nil && got == id
}

// hasContext reports whether a context holds anything.
func hasContext(context json.RawMessage) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(context, &members) == nil && len(members) > 0
}

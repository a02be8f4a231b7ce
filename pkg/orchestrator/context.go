package orchestrator

import "encoding/json"

// contextMember is the member of a request's context that holds our operation's id. Agents keep the context and show it wherever they show what came of the
// request, which makes it the natural key that proves a buy or a task to be an operation's (contract B8, C16, G10). It is not part of the idempotency fingerprint (contract C9).
const contextMember = "adcp_operation_id"

// withContext puts the operation's id into a request's context, beside what the client has there.
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

// carries reports whether a context is the one that an operation was sent with.
func carriesID(context json.RawMessage, id string) bool {
	var members map[string]json.RawMessage
	var got string
	return json.Unmarshal(context, &members) == nil && json.Unmarshal(members[contextMember], &got) == nil && got == id
}

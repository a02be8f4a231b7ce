package operation

// ActorType is what kind of party an Actor is.
type ActorType string

// The types of actors.
const (
	ActorAPIKey       ActorType = "api_key"
	ActorAgent        ActorType = "agent"
	ActorOrchestrator ActorType = "orchestrator"
	// ActorOperator is whoever has access to the deployment itself, and so needs no API key.
	ActorOperator ActorType = "operator"
)

// Actor is who did something: by the credential of the request, never by its body (contract L8).
type Actor struct {
	Type ActorType `json:"type"`
	// ID is the API key's id, or the agent's.
	ID string `json:"id,omitempty"`
	// Name is the name that the key was given.
	Name string `json:"name,omitempty"`
	// RequestID is the id of the request to the API, as its answer and the logs have it.
	RequestID string `json:"request_id,omitempty"`
	// OnBehalfOf is the person that the request says it is sent for: a claim.
	OnBehalfOf string `json:"on_behalf_of,omitempty"`
	Unknown    string `json:"-" document:"unknown"`
}

package operation

// AuthType is how a call of an agent is authorized.
type AuthType string

// The types of Auth.
const (
	// AuthBearer: the text of the secret in credential_ref is the token. An Auth of this type is not
	// stored.
	AuthBearer AuthType = "bearer"
	// AuthClientCredentials: a token is got from the agent's authorization server (contract L25).
	AuthClientCredentials AuthType = "oauth_client_credentials"
)

// Auth is how calls of an agent are authorized, if not by a token of its owner's; the zero Auth if
// they are. It names its secret itself: code that does not know the member finds no credential_ref
// beside it, and sends nothing, where it would send the client's secret as if it were the token.
type Auth struct {
	Type AuthType `json:"type"`
	// CredentialRef names the secret that holds {"client_id": "…", "client_secret": "…"}.
	CredentialRef string `json:"credential_ref"`
	Scope         string `json:"scope,omitempty"`
	// Resource is what the token is for, the agent's address by default (RFC 8707).
	Resource string `json:"resource,omitempty"`
	Audience string `json:"audience,omitempty"`
	// Issuer is the only authorization server that gets the secret. If it is empty, the agent's
	// metadata names it.
	Issuer string `json:"issuer,omitempty"`
	// TokenEndpointAuthMethod is how the secret is sent; if it is empty, the server's metadata says.
	TokenEndpointAuthMethod string `json:"token_endpoint_auth_method,omitempty"`
	// Unknown holds the members that only newer code knows.
	Unknown string `json:"-" document:"unknown"`
}

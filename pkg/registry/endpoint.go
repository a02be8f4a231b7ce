package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"

	"adcp-orchestrator/pkg/adcp"
)

// Endpoint is where an agent is called: its address and its transport. What discovery finds belongs
// to the endpoint (contract B38). An entry can get another one while operations that began at the
// old one still run.
type Endpoint struct {
	url       string
	transport adcp.Transport
}

// EndpointOf returns the endpoint of an address. An empty transport is MCP.
func EndpointOf(url string, t adcp.Transport) Endpoint { return Endpoint{url, cmp.Or(t, adcp.MCP)} }

// Key names the endpoint among those of an agent: 32 hexadecimal digits.
func (e Endpoint) Key() string {
	sum := sha256.Sum256([]byte(string(e.transport) + "\x00" + e.url))
	return hex.EncodeToString(sum[:16])
}

// Endpoint returns where the agent is called.
func (a Agent) Endpoint() Endpoint { return EndpointOf(a.URL, a.Transport) }

// Endpoint returns where the profile was discovered.
func (p Profile) Endpoint() Endpoint { return EndpointOf(p.URL, p.Transport) }

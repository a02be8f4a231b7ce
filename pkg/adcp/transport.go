package adcp

// Transport is how an agent is called.
type Transport string

// The transports.
const (
	MCP Transport = "mcp" // MCP's streamable HTTP transport
	A2A Transport = "a2a" // A2A over JSON-RPC, 1.0 or 0.3 as the agent's card says
)

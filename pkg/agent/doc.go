// Package agent calls sales agents over MCP's streamable HTTP transport and over A2A. It implements
// the orchestrator's registry.Caller.
//
// A call may be a purchase. The package therefore sends the frozen arguments byte for byte and
// sends a call once. A failed call is Unsent only if it provably never left, and Refused only if
// the agent's HTTP layer says that it was not carried out; everything else is Ambiguous. The
// package never retries a call, except with a signature after the agent refused it for lack of one.
//
// Words: a session serves one call over one protocol (mcpSession, a2aSession). The transport
// sends the HTTP requests of one session. An exchange is one such request and what is known about
// its fate. Both protocols send one JSON-RPC message per request; an answer over MCP may also be a
// stream of messages, which eventParser takes apart.
package agent

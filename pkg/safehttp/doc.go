// Package safehttp is the outbound HTTP client for addresses that a counterparty chose: agents, key
// sets, documents. No such address can turn the client against our own network (contract L1).
//
// The client speaks https only, resolves a name once, refuses it if any of its addresses is
// reserved, and dials the address that it checked. It follows no redirect, uses no proxy, and
// reads no more than its limits allow. It bounds only the time to connect: the caller's context
// bounds the rest.
package safehttp

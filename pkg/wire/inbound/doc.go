// Package inbound builds the dependencies of the function that receives webhooks. It is apart from
// package wire so that this function does not carry the client that calls agents: each package that
// a function links makes its cold start longer.
package inbound

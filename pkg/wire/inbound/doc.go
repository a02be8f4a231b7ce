// Package inbound builds the dependencies of functions that receive webhooks or show their keys. It
// is apart from package wire so that these functions do not carry the client that calls agents:
// each package that a function links makes its cold start longer.
package inbound

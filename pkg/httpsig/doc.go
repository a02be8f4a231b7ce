// Package httpsig implements AdCP's profile of HTTP Message Signatures (RFC 9421). A receiver
// verifies signed webhooks and requests with it; a sender signs requests with it.
//
// A general RFC 9421 library does not fit: AdCP's senders use base64url, which such libraries
// refuse, and AdCP refuses messages that such libraries accept.
//
// The package uses no network, no store and no clock. The caller supplies them as Keys, Revocation,
// Replay, Signer and a time. Two requests of the same bytes need two signatures: each one has a
// nonce that the receiver accepts once.
package httpsig

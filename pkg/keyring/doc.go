// Package keyring finds the keys and the revocation list that a sender publishes (contract F.6,
// F.7), stores both, and reports changes in them. It verifies no webhook: package httpsig does
// that, with the Keys of this package.
//
// What is known of a sender is its state: one document that all functions share. A delivery brings
// the document along, so that the common case reads neither the store nor the sender's hosts. A
// snapshot is a parsed document; a refresh makes the next state from it. The pin is the address of
// the key set in use; another address in brand.json is a pending change until a person confirms it.
//
// The errors that end a delivery for good need evidence (contract F86): httpsig.ErrKeyUnknown a
// successful fetch without the key, httpsig.ErrKeyRevoked and httpsig.ErrRevocationStale a signed
// list. Everything else is an *UnavailableError: the sender should deliver again.
package keyring

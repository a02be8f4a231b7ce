// Package webhook receives the webhooks that agents send. A Receiver finds the operation by the
// callback token in the URL, authenticates the delivery in the mode of that operation's
// registration (RFC 9421, HMAC or Bearer), parses the envelope, and passes it to the use case that
// applies it.
//
// A delivery is one HTTP request, a reply is the answer to it. A delivery that can't be applied is
// quarantined: its record names the reason, and says whether the delivery was authentic. The
// package replies 2xx only when the delivery is stored, and never blames a sender for an internal
// failure.
package webhook

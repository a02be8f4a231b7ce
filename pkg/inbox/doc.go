// Package inbox holds what the webhook route needs before a delivery is applied: the callback token
// in a webhook's URL, the delivery context (operation, sender's keys, nonce) that the store returns
// in one read, and the quarantine for deliveries that were not applied. The package verifies and
// applies nothing; packages webhook and orchestrator do. A "sender" is an agent as the author of
// webhooks, named by SenderID.
package inbox

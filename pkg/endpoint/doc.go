// Package endpoint tells tenants what happened by webhooks of their own, as Standard Webhooks
// describes them. An Endpoint is where a tenant wants to be told, a Notice is what happened, and a
// Delivery is the one at the other: stored first, then queued. Fanout stores and queues, Deliver
// sends, Manage serves the API. The package decides; a Sender and a Queue do what needs a network.
//
// A notice is delivered at least once, in the order of its operation, for three days. The receiver
// knows a repetition by its webhook-id.
package endpoint

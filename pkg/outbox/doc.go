// Package outbox sends what consumers are told, and lets them read it again. A notice is stored in
// the transaction of what it tells (the outbox), sent by whoever comes first, and acknowledged by a
// conditional write that gives it a position in its tenant's feed. A process that dies in between
// leaves the notice in the outbox: it is sent again, under the same id.
package outbox

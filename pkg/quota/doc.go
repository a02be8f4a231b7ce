// Package quota bounds what one tenant, or one sender of webhooks, may use of the deployment that
// all share. A rate is a token bucket (GCRA: one time for each bucket) in the store; a process
// takes several tokens with one write. A number is what the store counts. The limits protect the
// tenants from each other and nothing else: if the store fails, a Limiter lets through.
package quota

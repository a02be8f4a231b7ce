// Package dynamo stores the orchestrator's state in one DynamoDB table. Every partition key starts
// with the tenant. A write that depends on an earlier read is conditional on it; writes that belong
// together are one transaction. TTL only cleans up: the store itself compares expiries with its
// clock (contract F77). The items of an operation that expires have one ttl, a day after the
// operation's expiry; its idempotency keys and its natural key have a later one.
//
// A partition key is tenant#kind#name; a lease and the bucket of waits, which are of the whole
// deployment, have - for the tenant. These are the kinds and their sort keys:
//
//	kind                  name                      sort key
//	op                    operation id              operation, failures, request#…, result#…, input#…,
//	                                                event#…, key#…
//	idempotency           key hash                  -
//	natural_key           natural key's hash        -
//	task                  agent id#hash of task id  -
//	ref                   hash of a name            creation#operation id
//	delivery              agent id#key hash         -
//	agent                 agent id                  registry, profile#endpoint, circuit
//	api_key               key hash                  -
//	limit                 agents, or a bucket       -
//	keyring               sender                    -
//	nonce                 sender#hash               -
//	nonces                sender#hash#window#shard  -
//	quarantine            day                       operation id#a#digest, operation id#r#code
//	quarantined           day#operation id          -
//	lease                 what it is for            -
//	webhook_endpoint      -                         endpoint id
//	webhook_endpoint_key  key hash                  -
//	webhook_delivery      endpoint id               delivery id
package dynamo

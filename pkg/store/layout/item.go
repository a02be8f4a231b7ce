package layout

import (
	"maps"
	"time"

	"adcp-orchestrator/pkg/store"
)

// Item is an item of the table. The values of its attributes are string, int64 or []byte.
type Item map[string]any

// The sort keys. Chunk is the number of an item among those that share a body.
const (
	SKOperation = "operation"
	SKRequest   = "request#" // chunk
	SKResult    = "result#"  // chunk
	SKInput     = "input#"   // the input request's generation, chunk
	SKEvent     = "event#"   // sequence number, place in the change
	SKKey       = "key#"     // hash of an idempotency key of the operation
	SKFailures  = "failures"
	SKRegistry  = "registry"
	SKProfile   = "profile#" // the endpoint's key
	SKCircuit   = "circuit"
	SKBrake     = "brake"
	SKOnly      = "-" // of a partition with one item
)

// Key returns the key of an item. A tenant's name has no '#', so no tenant can reach the items of
// another.
func Key(tenant, kind, name, sk string) Item {
	return Item{"pk": tenant + "#" + kind + "#" + name, "sk": sk}
}

// OperationKey returns the key of an item of an operation.
func OperationKey(tenant, id, sk string) Item { return Key(tenant, "op", id, sk) }

// AgentKey returns the key of an item of an agent.
func AgentKey(tenant, id, sk string) Item { return Key(tenant, "agent", id, sk) }

// ProfileKey returns the key of an agent's profile at an endpoint.
func ProfileKey(tenant, id, endpoint string) Item { return AgentKey(tenant, id, SKProfile+endpoint) }

// KeyringKey returns the key of a sender's keyring.
func KeyringKey(tenant, sender string) Item { return Key(tenant, "keyring", sender, SKOnly) }

// APIKeyKey returns the key of an API key.
func APIKeyKey(tenant, hash string) Item { return Key(tenant, "api_key", hash, SKOnly) }

// AgentsCount is the limit's item that counts a tenant's agents.
const AgentsCount = "agents"

// LimitKey returns the key of a bucket of tokens, or of a count.
func LimitKey(tenant, name string) Item { return Key(tenant, "limit", name, SKOnly) }

// LeaseKey returns the key of a lease of the whole deployment. It belongs to no tenant: no tenant's
// name is a hyphen.
func LeaseKey(name string) Item { return Key("-", "lease", name, SKOnly) }

// With returns a copy of an item with more attributes.
func (i Item) With(more Item) Item {
	out := make(Item, len(i)+len(more))
	maps.Copy(out, i)
	maps.Copy(out, more)
	return out
}

// Text returns an attribute's string, "" if it has none.
func (i Item) Text(name string) string { s, _ := i[name].(string); return s }

// Number returns an attribute's number, 0 if it has none.
func (i Item) Number(name string) int64 { n, _ := i[name].(int64); return n }

// Data returns an attribute's bytes, nil if it has none.
func (i Item) Data(name string) []byte { b, _ := i[name].([]byte); return b }

// Until returns an item that expires at a time. It is rounded up to seconds: the table must not
// delete an item before its time.
func (i Item) Until(t time.Time) Item { return i.With(Item{"ttl": t.Add(time.Second - 1).Unix()}) }

// Expired reports whether an item's time is over. The table deletes it some time after that, so
// readers compare (contract F77).
func (i Item) Expired(now time.Time) bool {
	ttl, expires := i["ttl"].(int64)
	return expires && ttl < now.Unix()
}

// WithDoc returns an item with the document of a record.
func (i Item) WithDoc(v any) (Item, error) {
	doc, err := store.EncodeDocument(v)
	if err != nil {
		return nil, err
	}
	return i.With(Item{"doc": string(doc)}), nil
}

// ReadDoc reads the document of an item.
func ReadDoc[T any](i Item) (v T, err error) {
	err = store.DecodeDocument([]byte(i.Text("doc")), &v)
	return v, err
}

// WithBody returns an item with an uninterpreted document.
func (i Item) WithBody(d store.Document) Item {
	return i.With(Item{"body": d.Body, "version": d.Version})
}

// ReadBody reads an uninterpreted document.
func ReadBody(i Item) store.Document {
	return store.Document{Version: i.Number("version"), Body: i.Data("body")}
}

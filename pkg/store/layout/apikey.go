package layout

import (
	"time"

	"adcp-orchestrator/pkg/apikey"
)

// AttrUsedAt is when a secret was last used, in Unix seconds.
const AttrUsedAt = "used_at"

// KeyRecordKey returns the key of an API key's record.
func KeyRecordKey(tenant, id string) Item { return Key(tenant, "api_key_record", id, SKOnly) }

// KeyAdminsKey returns the key of the record of a tenant's keys that make keys.
func KeyAdminsKey(tenant string) Item { return Key(tenant, "api_key_admins", "-", SKOnly) }

// KeyRequestKey returns the key of what an Idempotency-Key of API keys was used for.
func KeyRequestKey(tenant, hash string) Item { return Key(tenant, "api_key_request", hash, SKOnly) }

// secretOutlives is how long the table keeps a secret that has ended: longer than clocks differ.
const secretOutlives = 24 * time.Hour

// SecretItem builds the item of a secret.
func SecretItem(k apikey.Key) (Item, error) {
	i := APIKeyKey(k.Tenant, k.Hash)
	switch {
	case !k.RevokedAt.IsZero():
		i = i.Until(k.RevokedAt.Add(secretOutlives))
	case !k.ExpiresAt.IsZero():
		i = i.Until(k.ExpiresAt.Add(secretOutlives))
	}
	return i.WithDoc(k)
}

// ReadSecret reads the item of a secret.
func ReadSecret(i Item) (apikey.Key, error) {
	k, err := ReadDoc[apikey.Key](i)
	if at := i.Number(AttrUsedAt); at != 0 {
		k.UsedAt = time.Unix(at, 0).UTC()
	}
	return k, err
}

// KeyRecordItem builds the item of a key's record.
func KeyRecordItem(r apikey.Record) (Item, error) {
	i := KeyRecordKey(r.Tenant, r.ID).With(Item{"version": r.Version}).
		With(ListEntry(r.Tenant, KindKeys, r.CreatedAt, r.ID))
	if !r.RevokedAt.IsZero() {
		i = i.Until(r.RevokedAt.Add(apikey.RevokedFor))
	}
	return i.WithDoc(r)
}

// ReadKeyRecord reads the item of a key's record.
func ReadKeyRecord(i Item) (apikey.Record, error) {
	r, err := ReadDoc[apikey.Record](i)
	r.Version = i.Number("version")
	return r, err
}

// KeyAdminsItem builds the item of the keys that make keys.
func KeyAdminsItem(tenant string, a apikey.Admins) (Item, error) {
	return KeyAdminsKey(tenant).With(Item{"version": a.Version}).WithDoc(a)
}

// ReadKeyAdmins reads the item of the keys that make keys; of no item it is zero.
func ReadKeyAdmins(i Item) (a apikey.Admins, err error) {
	if i == nil {
		return a, nil
	}
	a, err = ReadDoc[apikey.Admins](i)
	a.Version = i.Number("version")
	return a, err
}

// KeyRequestItem builds the item of what an Idempotency-Key was used for.
func KeyRequestItem(tenant string, r apikey.Request) (Item, error) {
	return KeyRequestKey(tenant, r.Hash).Until(r.ExpiresAt).WithDoc(r)
}

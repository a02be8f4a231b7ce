package layout

import (
	"time"

	"adcp-orchestrator/pkg/operation"
)

// The table deletes an item some time after its attribute ttl, in Unix seconds, has passed: up to
// days later, and each item on its own. So ttl only cleans up. What has expired is decided by
// comparing ttl with a clock (contract F77), and the items of an operation are deleted so much
// later that nobody, whose clock may differ, reads half of an operation.

// deleteAfter is how long after an operation's expiry the table may delete its items: more than
// clocks differ, and enough time to take the expiry back from all items of an operation that needed
// a person in its last minute.
const deleteAfter = 24 * time.Hour

// TTL returns when the table may delete the items of an operation that expires at that time, 0 for
// never.
func TTL(expiresAt time.Time) int64 { return seconds(expiresAt, deleteAfter) }

// KeyTTL returns when the keys of an operation that expires at that time are free, and the table
// may delete them; 0 is never.
func KeyTTL(expiresAt time.Time) int64 { return seconds(expiresAt, operation.KeysOutlive) }

func seconds(expiresAt time.Time, later time.Duration) int64 {
	if expiresAt.IsZero() {
		return 0
	}
	return expiresAt.Add(later).Unix()
}

// KeyExpiresAt returns when the operation of a key expires that has that ttl.
func KeyExpiresAt(ttl int64) time.Time {
	if ttl == 0 {
		return time.Time{}
	}
	return time.Unix(ttl, 0).Add(-operation.KeysOutlive).UTC()
}

// Passed reports whether the ttl of an item that is no operation's has passed; 0 never does.
func Passed(ttl int64, now time.Time) bool { return ttl != 0 && ttl < now.Unix() }

// expire sets the ttl of an operation's item.
func expire(i Item, expiresAt time.Time) Item {
	if ttl := TTL(expiresAt); ttl != 0 {
		i["ttl"] = ttl
	}
	return i
}

// Live returns those items of operations whose operation has not expired.
func Live(items []Item, now time.Time) (live []Item) {
	for _, i := range items {
		if ttl := i.Number("ttl"); ttl == 0 || now.Before(time.Unix(ttl, 0).Add(-deleteAfter)) {
			live = append(live, i)
		}
	}
	return live
}

// KeyItem builds the item by which an operation finds one of its idempotency keys again.
func KeyItem(tenant, id, keyHash string, expiresAt time.Time) Item {
	return expire(OperationKey(tenant, id, SKKey+keyHash), expiresAt)
}

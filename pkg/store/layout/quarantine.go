package layout

import (
	"bytes"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
)

// The sort keys of a quarantined delivery's partition.
const (
	SKEntry = "entry"
	SKBody  = "body#" // chunk
)

// QuarantineKey returns the key of an item of a quarantined delivery.
func QuarantineKey(tenant, id, sk string) Item { return Key(tenant, "quarantine", id, sk) }

// QuarantineItem builds the item of a delivery that comes for the first time. The document stays
// that of the first one, so what changes has attributes of its own.
func QuarantineItem(q inbox.Quarantined) (Item, error) {
	q.BodyKept = q.Authentic && q.Body != nil
	return QuarantineKey(q.Tenant, q.ID(), SKEntry).With(ListEntry(q.Tenant, KindQuarantine, q.At, q.ID())).
		With(Item{"count": int64(1), "last_at": q.At.UTC().Format(time.RFC3339Nano)}).
		Until(q.At.Add(inbox.QuarantineFor)).WithDoc(q)
}

// QuarantineBody builds the items of a delivery's kept body: none if it is not authentic, or has
// none to keep.
func QuarantineBody(q inbox.Quarantined) ([]Item, error) {
	if !q.Authentic || q.Body == nil {
		return nil, nil
	}
	chunks, err := compressed(q.Body)
	var items []Item
	for n, chunk := range chunks {
		items = append(items, QuarantineKey(q.Tenant, q.ID(), fmt.Sprintf("%s%03d", SKBody, n)).
			With(Item{"body": chunk}).Until(q.At.Add(inbox.BodyFor)))
	}
	return items, err
}

// AttrState is what became of a quarantined delivery, AttrHandled what was done about it.
const (
	AttrState   = "state"
	AttrHandled = "handled"
)

// HandledText is the document of what was done about a delivery.
func HandledText(h inbox.Handled) (string, error) {
	doc, err := store.EncodeDocument(h)
	return string(doc), err
}

// ReadQuarantined reads the item of a delivery. It returns store.ErrNotFound for one that has
// expired, or if there is no item.
func ReadQuarantined(tenant string, i Item, now time.Time) (q inbox.Quarantined, err error) {
	if i == nil || i.Expired(now) {
		return q, store.ErrNotFound
	}
	if q, err = ReadDoc[inbox.Quarantined](i); err != nil {
		return q, fmt.Errorf("quarantined %s: %w", i.Text("pk"), err)
	}
	q.Position = i.Text(ListIndex.SK)
	q.Tenant, q.Count, q.State = tenant, i.Number("count"), inbox.Kept
	if state := i.Text(AttrState); state != "" {
		q.State = inbox.QuarantineState(state)
	}
	if doc := i.Text(AttrHandled); doc != "" {
		if err := store.DecodeDocument([]byte(doc), &q.Handled); err != nil {
			return q, err
		}
	}
	q.LastAt, err = time.Parse(time.RFC3339Nano, i.Text("last_at"))
	return q, err
}

// ReadQuarantineBody reads the items of a kept body, in order. It returns store.ErrNotFound if
// there are none, or if they have expired.
func ReadQuarantineBody(items []Item, now time.Time) ([]byte, error) {
	var all bytes.Buffer
	for _, i := range items {
		if i.Expired(now) {
			return nil, store.ErrNotFound
		}
		all.Write(i.Data("body"))
	}
	if all.Len() == 0 {
		return nil, store.ErrNotFound
	}
	return decompress(all.Bytes())
}

// QuarantineRange returns the positions that bound deliveries which first came from a time on and
// before another; "" bounds nothing.
func QuarantineRange(from, before time.Time) (least, greatest string) {
	if !from.IsZero() {
		least = Timestamp(from)
	}
	if !before.IsZero() {
		greatest = Timestamp(before)
	}
	return least, greatest
}

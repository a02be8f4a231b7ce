package layout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// OutboxShards is how many partitions of the due index have the notices that wait to be sent.
const OutboxShards = 8

// signalGrace is how long a notice is left to the signal that follows its write, and to settle.
// After that the sweep sends it.
const signalGrace = 15 * time.Second

// NoticesFor is how long consumers can read what was told. Its items are kept for a day longer.
const NoticesFor = 30 * 24 * time.Hour

// The attributes of notices. position is where an acknowledged one stands in its tenant's feed.
const (
	AttrNotice   = "notice"
	AttrPosition = "position"
	AttrMark     = "mark" // what is counted when the notice is told
)

// OutboxShard is the partition key of a shard of the outbox in the due index.
func OutboxShard(n int) string { return fmt.Sprint("outbox#", n) }

// OutboxPartitions are the partition keys of the due index that have what a sweep looks for:
// notices that wait to be sent, and rests that wait to be counted.
func OutboxPartitions() (names []string) {
	for n := range OutboxShards {
		names = append(names, OutboxShard(n))
	}
	for n := range RestShards {
		names = append(names, RestShard(n))
	}
	return names
}

// OutboxEntry is the place of a notice in the outbox, as attributes of its item. All notices of an
// operation stand in one shard.
func OutboxEntry(id string, at time.Time) Item {
	return Item{"due_pk": OutboxShard(store.Shard(id, OutboxShards)), "due_at": Timestamp(at)}
}

// withNotice returns an item that carries a notice, and stands in the outbox under an id.
func withNotice(i Item, n notice.Notice, id string) (Item, error) {
	doc, err := store.EncodeDocument(n)
	if err != nil {
		return nil, err
	}
	return i.With(OutboxEntry(id, n.At.Add(signalGrace))).With(Item{AttrNotice: string(doc)}), nil
}

// Tells reports whether a change puts notices into the outbox.
func Tells(c operation.Change) bool {
	return slices.ContainsFunc(notice.Of(c.Op, c.Events), func(n *notice.Notice) bool { return n != nil })
}

// NoticeKey returns the key of a notice that belongs to no operation's timeline.
func NoticeKey(tenant, id string) Item { return Key(tenant, "notice", id, SKOnly) }

// NoticeItem builds the item of a notice that belongs to no operation's timeline. It is written in
// the same transaction as what it tells.
func NoticeItem(n notice.Notice) (Item, error) {
	i, err := withNotice(NoticeKey(n.Facts.Tenant, n.ID), n, n.ID)
	if err != nil {
		return nil, err
	}
	return i.Until(n.At.Add(NoticesFor + 24*time.Hour)), nil
}

// ReadRow reads an item that carries a notice, and whether it waits to be sent.
func ReadRow(i Item) (row notice.Row, waits bool, err error) {
	row.Key, row.Mark = i.Text("sk"), i.Text(AttrMark)
	if err = store.DecodeDocument([]byte(i.Text(AttrNotice)), &row.Notice); err != nil {
		err = fmt.Errorf("notice %s of %s: %w", row.Key, i.Text("pk"), err)
	}
	return row, i.Text("due_pk") != "", err
}

// RowKey returns the key of the item that carries a notice.
func RowKey(r notice.Ref, key string) Item {
	if r.OperationID != "" {
		return OperationKey(r.Tenant, r.OperationID, key)
	}
	return NoticeKey(r.Tenant, r.NoticeID)
}

// WaitingRows returns the notices that wait among the told ones of an operation, the newest of
// which come first, and whether those before them have to be read too. Notices are acknowledged in
// their order, so all that wait are newer than all that do not.
func WaitingRows(newest []Item) (rows []notice.Row, goOn bool, err error) {
	for _, i := range newest {
		if i.Text(AttrNotice) == "" {
			continue
		}
		row, waits, err := ReadRow(i)
		if err != nil {
			return nil, false, err
		}
		if !waits {
			return rows, false, nil
		}
		rows = append(rows, row)
	}
	return rows, true, nil
}

// Outbox returns whose notices wait: at most limit, each once, and of every tenant the same share,
// as ShareDue gives it. The entries are those of all shards, each shard's in order.
func Outbox(shards [][]Due, limit int) (refs []notice.Ref, list operation.DueList) {
	all, list := merge(shards)
	refs = share(all, limit, func(pk string) (notice.Ref, string, bool) {
		ref, ok := readNoticeRef(pk)
		return ref, ref.Tenant, ok
	})
	return refs, list
}

func readNoticeRef(pk string) (notice.Ref, bool) {
	if r, ok := readRef(pk); ok {
		return notice.Ref{Tenant: r.Tenant, OperationID: r.OperationID}, true
	}
	tenant, id, ok := strings.Cut(pk, "#notice#")
	return notice.Ref{Tenant: tenant, NoticeID: id}, ok
}

// FeedKey returns the key of a position in a tenant's feed. Each has a partition of its own: the
// feed's end, where all write, is no hot spot.
func FeedKey(tenant string, position int64) Item {
	return Key(tenant, "feed", strconv.FormatInt(position, 10), SKOnly)
}

// FeedEndKey returns the key of the count of a tenant's reserved positions.
func FeedEndKey(tenant string) Item { return Key(tenant, "feed", "end", SKOnly) }

// FeedItem builds the item of a position: with a notice, or without one if the position is void.
func FeedItem(tenant string, position int64, n *notice.Notice, at time.Time) (Item, error) {
	i := FeedKey(tenant, position).With(Item{"at": at.UnixMilli()}).Until(at.Add(NoticesFor + 24*time.Hour))
	if n == nil {
		return i, nil
	}
	doc, err := store.EncodeDocument(*n)
	if err != nil {
		return nil, err
	}
	return i.With(Item{AttrNotice: string(doc)}), nil
}

// ReadFeedItem reads the item of a position.
func ReadFeedItem(position int64, i Item) (notice.Told, error) {
	told := notice.Told{Position: position, At: time.UnixMilli(i.Number("at")).UTC()}
	if i.Text(AttrNotice) == "" {
		return told, nil
	}
	row, _, err := ReadRow(i)
	told.Notice = &row.Notice
	return told, err
}

// PositionOf returns where the notice of an id stands in the feed, if an item among those of its
// operation carries it and it was told.
func PositionOf(id string, items []Item) (position int64, found bool) {
	n := slices.IndexFunc(items, func(i Item) bool {
		row, _, err := ReadRow(i)
		return i.Text(AttrNotice) != "" && err == nil && row.Notice.ID == id
	})
	if n < 0 {
		return 0, false
	}
	return items[n].Number(AttrPosition), items[n].Number(AttrPosition) > 0
}

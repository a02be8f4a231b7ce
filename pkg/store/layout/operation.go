package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// OperationItem builds the item of an operation. The state machine writes task_token and version
// itself, so they are attributes of their own. shards is how many the reconciler's index has. It
// returns store.ErrNewerSchema for an operation that newer code has written.
func OperationItem(op operation.Operation, shards int) (Item, error) {
	if op.Schema > operation.SchemaVersion {
		return nil, store.ErrNewerSchema
	}
	op.Schema = op.WrittenSchema()
	i, err := OperationKey(op.Tenant, op.ID, SKOperation).With(Item{
		"version": op.Version,
		"state":   string(op.State),
	}).WithDoc(op)
	if err != nil {
		return nil, err
	}
	if op.TaskToken != "" {
		i["task_token"] = op.TaskToken
	}
	i = i.With(operationEntries(op))
	if !op.LooksAt().IsZero() {
		i = i.With(DueEntry(op.ID, op.IndexAt(), shards))
	}
	return expire(i, op.ExpiresAt), nil
}

// DueEntry is the place of an operation in the reconciler's index, as attributes of its item.
func DueEntry(id string, at time.Time, shards int) Item {
	return Item{"due_pk": DueShard(store.Shard(id, shards)), "due_at": Timestamp(at)}
}

// StartEntry is the place of an operation in the queue of starts, as attributes of its item. The
// queue is a part of the reconciler's index: an operation stands in one of the two, and the first
// change of its execution takes it out of the queue.
func StartEntry(id string, since time.Time) Item {
	return Item{"due_pk": StartShard(store.Shard(id, StartShards)), "due_at": Timestamp(since)}
}

// OptionalAttributes are the attributes that OperationItem sets at some times only. A change that
// does not set one removes it.
var OptionalAttributes = []string{
	"task_token", "due_pk", "due_at", "ttl", AttentionIndex.PK, AttentionIndex.SK,
}

// Rewrite returns the stored item of an operation after a change. Attributes that this code does
// not know stay.
func Rewrite(stored, changed Item) Item {
	out := stored.With(changed)
	for _, name := range OptionalAttributes {
		if _, ok := changed[name]; !ok {
			delete(out, name)
		}
	}
	return out
}

// ReadOperation reads the item of an operation. It returns store.ErrNotFound for one that has
// expired, or if there is no item.
func ReadOperation(i Item, now time.Time) (operation.Operation, error) {
	if i == nil {
		return operation.Operation{}, store.ErrNotFound
	}
	op, err := readOperation(i)
	if err == nil && op.Expired(now) {
		return operation.Operation{}, store.ErrNotFound
	}
	return op, err
}

func readOperation(i Item) (operation.Operation, error) {
	op, err := ReadDoc[operation.Operation](i)
	if err != nil {
		return op, fmt.Errorf("stored operation: %w", err)
	}
	op.Version, op.TaskToken = i.Number("version"), i.Text("task_token")
	if strings.HasPrefix(i.Text("due_pk"), "due#") {
		op.IndexedAt = parseTimestamp(i.Text("due_at"))
	}
	return op, nil
}

// EventItem builds the item of an event; place is its index in the change. If consumers are told of
// it, the item is the notice's place in the outbox as well.
func EventItem(op operation.Operation, e operation.Event, place int, told *notice.Notice) (Item, error) {
	k := OperationKey(op.Tenant, op.ID, ChangeEvents(e.Seq)+strconv.Itoa(place))
	i, err := expire(k, op.ExpiresAt).WithDoc(e)
	if err != nil || told == nil {
		return i, err
	}
	mark, err := store.EncodeDocument(metrics.MarkOf(op, e))
	if err != nil {
		return nil, err
	}
	return withNotice(i.With(Item{AttrMark: string(mark)}), *told, op.ID)
}

// EventsRange are the sort keys of an operation's events behind a sequence number, both ends
// included.
func EventsRange(after int64) (lo, hi string) {
	return ChangeEvents(after) + "~", SKEvent + "~"
}

// ChangeEvents is the prefix of the sort keys of one change's events.
func ChangeEvents(seq int64) string { return fmt.Sprintf("%s%010d#", SKEvent, seq) }

// ReadEvents reads the items of events.
func ReadEvents(items []Item) (events []operation.Event, err error) {
	for _, i := range items {
		e, err := ReadDoc[operation.Event](i)
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", i.Text("sk"), i.Text("pk"), err)
		}
		events = append(events, e)
	}
	return events, nil
}

// SKInputOf is the prefix of the sort keys of the input to an input request.
func SKInputOf(generation int) string { return fmt.Sprintf("%s%03d#", SKInput, generation) }

// CreationItems builds the items of a new operation: its own, and those that are written beside it,
// its event, its request, and the references by its names.
func CreationItems(op operation.Operation, e operation.Event, request json.RawMessage, shards int) (
	own Item, beside []Item, err error) {
	if own, err = OperationItem(op, shards); err != nil {
		return nil, nil, err
	}
	first := operation.Change{Op: op, Events: []operation.Event{e}, Names: op.Names()}
	if beside, err = ChangeItems(first); err != nil {
		return nil, nil, err
	}
	body, err := BodyItems(op, SKRequest, request)
	return own, append(beside, body...), err
}

// ChangeItems builds the items that a change writes beside the operation's own: events, bodies and
// references. Only the references are of other partitions.
func ChangeItems(c operation.Change) ([]Item, error) {
	items := RefItems(c)
	told := notice.Of(c.Op, c.Events)
	for n, e := range c.Events {
		i, err := EventItem(c.Op, e, n, told[n])
		if err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	if c.Used && !slices.ContainsFunc(told, func(n *notice.Notice) bool { return n != nil }) {
		rest, err := RestItem(c.Op)
		if err != nil {
			return nil, err
		}
		items = append(items, rest)
	}
	for _, b := range []struct {
		sk   string
		body json.RawMessage
	}{{SKResult, c.Result}, {SKInputOf(c.Op.InputRequest.Generation), c.Input}} {
		if b.body == nil {
			continue
		}
		chunks, err := BodyItems(c.Op, b.sk, b.body)
		if err != nil {
			return nil, err
		}
		items = append(items, chunks...)
	}
	return items, nil
}

// ReadRecord reads all items of an operation, which are sorted by their sort keys. It returns
// store.ErrNotFound if the operation itself is not among them, if it has expired, or if the table
// has begun to delete it.
func ReadRecord(items []Item, now time.Time) (r operation.Record, err error) {
	var request, result []byte
	for _, i := range items {
		switch sk := i.Text("sk"); {
		case sk == SKOperation:
			r.Op, err = ReadOperation(i, now)
			if errors.Is(err, store.ErrNotFound) {
				return operation.Record{}, err
			}
		case strings.HasPrefix(sk, SKRequest):
			request = append(request, i.Data("body")...)
		case strings.HasPrefix(sk, SKResult):
			result = append(result, i.Data("body")...)
		case strings.HasPrefix(sk, SKEvent):
			var e operation.Event
			e, err = ReadDoc[operation.Event](i)
			r.Events = append(r.Events, e)
		}
		if err != nil {
			return operation.Record{}, fmt.Errorf("read %s of %s: %w", i.Text("sk"), i.Text("pk"), err)
		}
	}
	if r.Op.ID == "" {
		return operation.Record{}, store.ErrNotFound
	}
	if r.Request, err = decompress(request); err == nil && result != nil {
		r.Result, err = decompress(result)
	}
	if err != nil && !r.Op.ExpiresAt.IsZero() {
		return operation.Record{}, store.ErrNotFound
	}
	return r, err
}

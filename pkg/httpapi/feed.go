package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// feedPage is a page of what was told. Cursor is where to go on, now or later; Next, the address of
// that, is there if more can be read at once.
type feedPage struct {
	page[notice.Envelope]
	Cursor string `json:"cursor"`
}

// feedQuery is the query of GET /v1/events.
type feedQuery struct {
	after  string // a notice's id
	cursor *outbox.Cursor
	kind   notice.Type
	limit  int
}

// ListTold serves GET /v1/events: what was told of the tenant's operations, in the order in which
// it was told, for 30 days.
func (a API) ListTold(f outbox.Feed) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		tenant := r.Principal.Tenant
		q, err := readFeedQuery(r.Query)
		if err != nil {
			return Response{}, err
		}
		begin, err := q.begin(ctx, f, tenant)
		if err != nil {
			return Response{}, err
		}
		found, err := f.Read(ctx, tenant, begin, q.kind, q.limit)
		if errors.Is(err, outbox.ErrFeedGone) {
			return Response{}, afterError("some of what comes after it is older than 30 days and not kept any more",
				"leave it out to begin with the oldest that is kept, and read the operations that you follow")
		}
		if err != nil {
			return Response{}, err
		}
		p := feedPage{page[notice.Envelope]{Items: []notice.Envelope{}, Self: a.feedURL(q, writeCursor(begin))},
			writeCursor(found.Next)}
		if found.More {
			p.Next = a.feedURL(q, p.Cursor)
		}
		for _, n := range found.Notices {
			p.Items = append(p.Items, n.Envelope(a.BaseURL))
		}
		return Response{Status: http.StatusOK, Body: p}, nil
	}
}

// begin is where a page begins: at the cursor, after the notice, or with the oldest.
func (q feedQuery) begin(ctx context.Context, f outbox.Feed, tenant string) (outbox.Cursor, error) {
	switch {
	case q.cursor != nil:
		return *q.cursor, nil
	case q.after == "":
		return f.Start(ctx, tenant)
	}
	c, err := f.After(ctx, tenant, q.after)
	if errors.Is(err, store.ErrNotFound) {
		err = afterError("must be the id of an event that was published",
			"send the id of an event as you received it, or leave it out to begin with the oldest that is kept")
	}
	return c, err
}

func afterError(rule, remedy string) error {
	var c validation.Checks
	c.Add("after", validation.InvalidValue, rule, remedy)
	return c.Err()
}

// feedURL is the address of the page after a cursor.
func (a API) feedURL(q feedQuery, cursor string) string {
	values := url.Values{"limit": {strconv.Itoa(q.limit)}, "cursor": {cursor}}
	if q.kind != "" {
		values.Set("type", string(q.kind))
	}
	return a.BaseURL + "/v1/events?" + values.Encode()
}

// writeCursor writes a cursor for clients.
func writeCursor(c outbox.Cursor) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", c.Position, c.At.UnixMilli()))
}

// readFeedCursor reads a cursor of a client.
func readFeedCursor(text string) (outbox.Cursor, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	position, at, ok := strings.Cut(string(b), ".")
	p, err1 := strconv.ParseInt(position, 10, 64)
	ms, err2 := strconv.ParseInt(at, 10, 64)
	return outbox.Cursor{Position: p, At: time.UnixMilli(ms).UTC()}, ok && errors.Join(err, err1, err2) == nil && p >= 0
}

func readFeedQuery(query url.Values) (feedQuery, error) {
	var c validation.Checks
	q := feedQuery{after: query.Get("after"), limit: defaultLimit}
	if len(q.after) > maxCursor || strings.ContainsAny(q.after, "#") {
		c.Add("after", validation.InvalidValue, "must be the id of an event", "send the id as you received it")
	}
	if text := query.Get("cursor"); text != "" {
		cursor, ok := readFeedCursor(text)
		switch {
		case !ok || len(text) > maxCursor:
			c.Add("cursor", validation.InvalidValue, "must be the cursor of an earlier page",
				"send it as it is, or leave it out to begin with the oldest event that is kept")
		case q.after != "":
			c.Add("cursor", validation.InvalidValue, "can't be sent together with after", "send one of the two")
		}
		q.cursor = &cursor
	}
	if text := query.Get("type"); text != "" {
		var ok bool
		if q.kind, ok = notice.ParseType(text); !ok {
			c.Add("type", validation.InvalidValue, "must be a type of event, as operation.completed",
				"correct it, or leave it out for all types")
		}
	}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if q.limit = n; err != nil || n < 1 || n > maxLimit {
			c.Add("limit", validation.OutOfRange, "must be from 1 to "+strconv.Itoa(maxLimit),
				"choose a number in between, or leave it out")
		}
	}
	return q, c.Err()
}

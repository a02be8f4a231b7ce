package client

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"strings"
)

// Page is one page of a list. Next is the address of the next page, empty on the last: a page may
// be short, or empty, and still have one.
type Page[T any] struct {
	Items []Doc[T] `json:"items"`
	Self  string   `json:"self"`
	Next  string   `json:"next"`
	// Position is where to go on later, of a list that grows at its end.
	Position string `json:"cursor"`
}

// Continue is the query parameter that the next page begins with, and its value: most lists have a
// cursor, a timeline goes on after an event. The value is "" on the last page.
func (p Page[T]) Continue() (parameter, value string) {
	u, err := url.Parse(p.Next)
	if err != nil {
		return "", ""
	}
	if value = u.Query().Get("cursor"); value != "" {
		return "cursor", value
	}
	return "after", u.Query().Get("after")
}

var errForeignNext = errors.New("the address of the next page is not one of this API")

// follow returns the path and query of a link to a next page. Its host is not used: the key goes to
// the address that was configured, and to no other.
func follow(next string) (string, url.Values, error) {
	u, err := url.Parse(next)
	if err != nil {
		return "", nil, errForeignNext
	}
	i := strings.Index(u.Path, "/v1/")
	if i < 0 {
		return "", nil, errForeignNext
	}
	return u.Path[i:], u.Query(), nil
}

// list reads the first page of a list.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) (Doc[Page[T]], error) {
	return get[Page[T]](ctx, c, path, query)
}

// NextPage reads the page after another one. It returns false if that was the last.
func NextPage[T any](ctx context.Context, c *Client, p Page[T]) (Doc[Page[T]], bool, error) {
	if p.Next == "" {
		return Doc[Page[T]]{}, false, nil
	}
	path, query, err := follow(p.Next)
	if err != nil {
		return Doc[Page[T]]{}, false, err
	}
	d, err := get[Page[T]](ctx, c, path, query)
	return d, err == nil, err
}

// All yields a page and every page after it. An error ends it, and so does a page that names itself
// as the next one.
func All[T any](ctx context.Context, c *Client, first Doc[Page[T]], err error) iter.Seq2[Doc[Page[T]], error] {
	return func(yield func(Doc[Page[T]], error) bool) {
		page, more := first, true
		for more || err != nil {
			if !yield(page, err) || err != nil {
				return
			}
			last := page.Value.Next
			if page, more, err = NextPage(ctx, c, page.Value); more && page.Value.Next == last {
				page.Value.Next = ""
			}
		}
	}
}

package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"sync"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/validation"
)

// cursor is a place in a list, as clients send it back: opaque to them. It names no tenant, so a
// foreign one leads nowhere but to a place in the caller's own list.
type cursor struct {
	V       int    `json:"v"`
	Sort    string `json:"s,omitempty"`
	Place   string `json:"k"`
	Filters string `json:"f"` // the start of the filters' digest
}

const cursorVersion = 1

// placeForm is the form of a position in a list: a time and an id.
var placeForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[!-~]{1,200}$`)
})

// encodeCursor makes the cursor of a place in the list that a request shows.
func encodeCursor(r Request, place string) string {
	text, _ := json.Marshal(cursor{cursorVersion, r.Query.Get("sort"), place, filtersOf(r)}) // never an error
	return base64.RawURLEncoding.EncodeToString(text)
}

// readCursor returns the place that a request's cursor names, "" without one. A cursor that is none
// is refused with invalid_cursor, one of another list with cursor_mismatch.
func readCursor(r Request) (place string, err error) {
	if !r.Query.Has("cursor") {
		return "", nil
	}
	var c cursor
	text, err := base64.RawURLEncoding.DecodeString(r.Query.Get("cursor"))
	if err != nil || len(text) > maxCursor || json.Unmarshal(text, &c) != nil || c.V != cursorVersion ||
		!placeForm().MatchString(c.Place) {
		return "", NewProblem(http.StatusBadRequest, codeInvalidCursor, "the cursor is none of this API; see errors",
			validation.FieldError{Field: "cursor", Code: validation.InvalidValue,
				Rule:   "must be that of an earlier page's next",
				Remedy: "follow next as it is, or leave the cursor out to begin anew"})
	}
	if c.Filters != filtersOf(r) || c.Sort != r.Query.Get("sort") {
		return "", NewProblem(http.StatusBadRequest, codeCursorMismatch,
			"the cursor belongs to a list with other filters or another order; see errors",
			validation.FieldError{Field: "cursor", Code: validation.InvalidValue,
				Rule:   "must be used with the filters and the order of the page that it comes from",
				Remedy: "send those of the first page, or leave the cursor out to begin anew"})
	}
	return c.Place, nil
}

// filtersOf identifies what chooses the items of a list: its route, what it belongs to, and all of
// the query but the page.
func filtersOf(r Request) string {
	filters := url.Values{}
	for name, values := range r.Query {
		if name != "cursor" && name != "limit" && name != "sort" {
			filters[name] = values
		}
	}
	return digest.Hex(r.Route + " " + r.Path["id"] + "?" + filters.Encode())[:16]
}

// pageURL is the address of a page of the list at a path: with a cursor, or the request's own if
// place is "".
func (a API) pageURL(path string, r Request, place string) string {
	values := url.Values{}
	for name, v := range r.Query {
		values[name] = v
	}
	if place != "" {
		values.Set("cursor", encodeCursor(r, place))
	}
	if len(values) == 0 {
		return a.BaseURL + path
	}
	return a.BaseURL + path + "?" + values.Encode()
}

// pageQuery is which page of a list a request wants: at most limit items after a place, "" for the
// first page.
type pageQuery struct {
	limit int
	after string
}

func readPage(r Request) (q pageQuery, err error) {
	p := r.params()
	q.limit = p.limit()
	if err := p.err(); err != nil {
		return q, err
	}
	q.after, err = readCursor(r)
	return q, err
}

// pageOf makes a page of a list, with the address of the next one if there is one.
func pageOf[T any](a API, r Request, path string, items []T, next string) page[T] {
	if items == nil {
		items = []T{}
	}
	p := page[T]{Items: items, Self: a.pageURL(path, r, "")}
	if next != "" {
		p.Next = a.pageURL(path, r, next)
	}
	return p
}

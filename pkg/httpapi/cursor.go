package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/validation"
)

// cursor is a position in a list, as clients hand it back. It names no tenant, so another tenant's
// is harmless.
type cursor struct {
	Version  int    `json:"v"`
	Position string `json:"k"`
	Filters  string `json:"f"`
}

// filtersOf identifies the filters of a list by their route and the query without cursor and limit.
func filtersOf(r Request) string {
	q := url.Values{}
	for name, values := range r.Query {
		if name != "cursor" && name != "limit" {
			q[name] = values
		}
	}
	return digest.Hex(r.Route + "?" + q.Encode())[:16]
}

// readCursor returns the position of a request's cursor, "" for the first page.
func readCursor(r Request) (string, error) {
	text := r.Query.Get("cursor")
	if text == "" {
		return "", nil
	}
	var c cursor
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) > maxCursor || json.Unmarshal(raw, &c) != nil || c.Version != 1 || c.Position == "" {
		var wrong validation.Checks
		wrong.Add("cursor", validation.InvalidValue, "must be the cursor of an earlier page's next",
			"follow next as it is, or leave the cursor out for the first page")
		return "", wrong.Err()
	}
	if c.Filters != filtersOf(r) {
		return "", NewProblem(http.StatusBadRequest, codeCursorMismatch, "the cursor belongs to a list with other filters",
			validation.FieldError{Field: "cursor", Code: validation.InvalidValue,
				Rule: "must be used with the filters of the page that it comes from", Remedy: "follow next as it is"})
	}
	return c.Position, nil
}

// readLimit returns how many items a page has.
func readLimit(c *validation.Checks, query url.Values) int {
	text := query.Get("limit")
	if text == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		c.Add("limit", validation.OutOfRange, "must be from 1 to "+strconv.Itoa(maxLimit),
			"choose a number in between, or leave it out")
	}
	return n
}

// pageOf makes a page of a list, with the address of the next one if there is one.
func pageOf[T any](a API, r Request, path string, items []T, next string) page[T] {
	if items == nil {
		items = []T{}
	}
	address := func(q url.Values) string {
		if len(q) == 0 {
			return a.BaseURL + path
		}
		return a.BaseURL + path + "?" + q.Encode()
	}
	p := page[T]{Items: items, Self: address(r.Query)}
	if next != "" {
		q := url.Values{}
		for name, values := range r.Query {
			q[name] = values
		}
		raw, err := json.Marshal(cursor{Version: 1, Position: next, Filters: filtersOf(r)})
		if err == nil { // strings and a number
			q.Set("cursor", base64.RawURLEncoding.EncodeToString(raw))
		}
		p.Next = address(q)
	}
	return p
}

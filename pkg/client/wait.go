package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The pace of a wait.
const (
	// waitSeconds is how long the API is asked to hold a request, the longest that it allows.
	waitSeconds = 20
	firstPause  = time.Second
	maxPause    = 5 * time.Second
)

// Wait returns an operation as soon as its version is another one than before has; of a zero before
// it returns what is there. It asks the API to hold the request until something changes, and where
// the API does not, it asks again in a growing interval of at most five seconds. It returns an
// error if ctx ends first.
func (c *Client) Wait(ctx context.Context, id string, before Doc[Operation]) (Doc[Operation], error) {
	if before.Value.Version == 0 {
		return c.Operation(ctx, id)
	}
	for pause := firstPause; ; pause = min(pause*3/2, maxPause) {
		began := time.Now()
		resp, err := c.Do(ctx, Request{Method: http.MethodGet, Path: operationPath(id, ""),
			Query:  url.Values{"wait": {strconv.Itoa(waitSeconds)}},
			Header: http.Header{"If-None-Match": {etagOf(before)}}})
		rest := pause
		switch {
		case err != nil && ctx.Err() != nil:
			return before, ctx.Err()
		case err != nil:
			p, ok := errors.AsType[*Problem](err)
			if !ok || p.Status != http.StatusTooManyRequests { // too many wait: then ask again later
				return before, err
			}
			rest = max(rest, p.RetryAfter)
		case resp.Status != http.StatusNotModified:
			d, err := decode[Operation](resp)
			if err != nil || d.Value.Version != before.Value.Version {
				return d, err
			}
		default:
			later, err := strconv.Atoi(resp.Header.Get("Retry-After"))
			if err == nil {
				rest = max(rest, time.Duration(later)*time.Second)
			} else if time.Since(began) > firstPause { // it was held: the API sets the pace
				rest = 0
			}
		}
		if err := c.sleep(ctx, rest); err != nil {
			return before, err
		}
	}
}

// etagOf is the version of what was read, as If-None-Match and If-Match take it.
func etagOf(d Doc[Operation]) string {
	if tag := d.Header.Get("ETag"); tag != "" {
		return tag
	}
	return ETag(d.Value.Version)
}

// ETag is the entity tag of a version.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

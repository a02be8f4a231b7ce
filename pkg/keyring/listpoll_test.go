package keyring

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Contract F61: the list is fetched at next_update, but at least a minute and at most half an hour
// after the last check.
func TestListIsPolledAtNextUpdate(t *testing.T) {
	t.Parallel()
	for interval, want := range map[time.Duration]time.Duration{
		time.Second:      time.Minute,
		time.Minute:      time.Minute,
		10 * time.Minute: 10 * time.Minute,
		30 * time.Minute: 30 * time.Minute,
		24 * time.Hour:   30 * time.Minute,
	} {
		h := newHarness(t)
		h.publishList(interval)
		h.wantRevocation("k1", "good")
		h.advance(want - time.Second)
		h.wantRevocation("k1", "good")
		if n := h.requests(listPath); n != 1 {
			t.Errorf("%v: %d requests a second before %v", interval, n, want)
		}
		h.advance(time.Second)
		h.wantRevocation("k1", "good")
		if n := h.requests(listPath); n != 2 {
			t.Errorf("%v: %d requests after %v", interval, n, want)
		}
	}
}

// The request is conditional, so that an unchanged list is not sent again. A list that is not
// renewed becomes stale even if the server confirms it.
func TestUnchangedListIsNotSentAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.publishList(10 * time.Minute)
	p := h.pages[listPath]
	p.header = map[string]string{"ETag": `"v1"`}
	h.put(listPath, p)
	h.wantRevocation("k1", "good")
	if etag := h.lastHeader[listPath].Get("If-None-Match"); etag != "" {
		t.Errorf("the first request has %q", etag)
	}
	h.advance(10 * time.Minute)
	h.wantRevocation("k1", "good")
	if etag := h.lastHeader[listPath].Get("If-None-Match"); etag != `"v1"` {
		t.Errorf("the second request has %q", etag)
	}
	if l := h.state().List; !l.CheckedAt.Equal(h.now()) || l.Failure != "" {
		t.Errorf("after a 304: %+v", l)
	}
	for range 40 {
		h.advance(time.Minute)
		h.wantRevocation("k1", "good")
	}
	h.advance(time.Second)
	h.wantRevocation("k1", "stale")
	if l := h.state().List; l.Failure != "" {
		t.Errorf("after 304s: %+v", l)
	}
}

// Contract F61, F62: a list that existed has to stay. The old one counts until four intervals after
// its next_update; then every key is refused.
func TestListThatIsGoneBecomesStale(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]page{
		"not there":  {status: 404},
		"down":       {status: 503},
		"moved":      {status: 302, header: map[string]string{"Location": "/x"}},
		"not signed": {status: 200, body: "{}"},
		"too long":   {status: 200, body: strings.Repeat("x", maxList+1)},
		"304":        {status: 304}, // the request was not conditional
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.set(jwksPath, keySet("k1", "k2"))
			h.publishList(10*time.Minute, "k2")
			h.wantRevocation("k1", "good")
			h.put(listPath, gone)
			h.advance(10 * time.Minute)
			h.wantRevocation("k1", "good")
			n := h.requests(listPath)
			h.advance(minPollInterval - time.Second)
			h.wantRevocation("k1", "good")
			if h.requests(listPath) != n {
				t.Error("a second request within a minute")
			}
			h.advance(40*time.Minute - minPollInterval + time.Second)
			h.wantRevocation("k1", "good")
			h.wantRevocation("k2", "revoked")
			h.wantCount("revocation_stale", 0)
			h.advance(time.Second)
			h.wantRevocation("k1", "stale")
			h.wantRevocation("k2", "revoked")
			h.wantCount("revocation_stale", 1)
			v, err := h.Show(t.Context(), h.sender)
			if err != nil || v.Revocation.State != "stale" || v.Revocation.Failure == "" {
				t.Errorf("view %+v, %v", v.Revocation, err)
			}
			h.advance(time.Minute)
			h.publishList(10 * time.Minute)
			h.wantRevocation("k1", "good")
		})
	}
}

// The interval of the grace period has the bounds of polling.
func TestGracePeriodIsBounded(t *testing.T) {
	t.Parallel()
	for interval, want := range map[time.Duration]time.Duration{
		time.Second:    time.Second + 4*time.Minute,
		48 * time.Hour: 50 * time.Hour,
	} {
		if got := (list{Updated: start, NextUpdate: start.Add(interval)}).staleAt().Sub(start); got != want {
			t.Errorf("%v: stale after %v, want %v", interval, got, want)
		}
	}
}

// Contract F62: a 4xx of a sender that never had a list says that it has none. Other answers do
// not.
func TestStatusThatSaysThereIsNoList(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		404: "good",
		410: "good",
		403: "good",
		401: "good",
		500: "503 revocation_unreachable",
		302: "503 revocation_unreachable",
		429: "503 revocation_unreachable",
		408: "503 revocation_unreachable",
		204: "503 revocation_unreachable",
	} {
		h := newHarness(t)
		h.put(listPath, page{status: status})
		h.wantKey("k1", "k1")
		if got := h.revocationVerdict("k1"); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}

func TestSenderWithoutListIsPolled(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantRevocation("k1", "good")
	h.wantCount("revocation_none", 1)
	h.advance(30*time.Minute - time.Second)
	h.wantRevocation("k1", "good")
	if h.requests(listPath) != 1 {
		t.Error("a second request within half an hour")
	}
	h.advance(time.Second)
	h.wantRevocation("k1", "good")
	h.wantCount("revocation_none", 1)
	if h.requests(listPath) != 2 {
		t.Error("no request after half an hour")
	}
	h.advance(30 * time.Minute)
	h.status(listPath, http.StatusBadGateway) // there was no list before, so no list is lost
	h.wantRevocation("k1", "good")
	h.wantRevocation("k1", "good")
	if h.requests(listPath) != 3 {
		t.Error("not one request")
	}
	h.advance(time.Minute)
	h.set(listPath, "<html>") // there is a list now, and it can't be read
	h.wantRevocation("k1", "503 revocation_malformed")
	h.wantRevocation("k1", "503 revocation_malformed")
	h.advance(failureCooldown)
	h.publishList(time.Hour, "k1")
	h.wantRevocation("k1", "revoked")
}

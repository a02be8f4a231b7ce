package keyring

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// payload is a list of the seller's own, updated now and due again after the interval.
func (w *world) payload(interval time.Duration, kids ...string) map[string]any {
	if kids == nil {
		kids = []string{}
	}
	return map[string]any{"version": 1, "issuer": w.origin(), "updated": w.now().Format(time.RFC3339),
		"next_update":  w.now().Add(interval).Format(time.RFC3339),
		"revoked_jtis": []string{}, "revoked_kids": kids}
}

// publish puts a list up, signed by k1.
func (w *world) publish(interval time.Duration, kids ...string) {
	w.set(listPath, edSigner("k1").compact(encoded(w.payload(interval, kids...))))
}

// A revoked key is refused from the next poll on, a key that was in use is called out, and giving it back needs a newer list.
func TestRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.set(jwksPath, keySet("k1", "k2"))
	w.publish(10 * time.Minute)
	old := w.said[listPath]
	w.want("k2", "k2")
	w.wantCheck("k2", "good")
	if n := w.asked(listPath); n != 1 {
		t.Fatalf("%d requests: the key's and the list's are one refresh", n)
	}
	w.pass(10*time.Minute - time.Second)
	w.publish(10*time.Minute, "k2", "unheard-of")
	w.wantCheck("k2", "good") // not due yet
	w.pass(time.Second)
	w.wantCheck("k2", "revoked")
	w.wantCheck("k1", "good")
	w.wantCount("key_revoked", 1)
	if n := w.asked(listPath); n != 2 {
		t.Fatalf("%d requests", n)
	}
	if v, err := w.Show(t.Context(), w.sender); err != nil || v.Revocation.State != "current" || v.Revocation.Revoked != 2 ||
		!v.Keys[1].Revoked || v.Keys[0].Revoked {
		t.Errorf("view %+v, %v", v, err)
	}
	w.put(listPath, old) // a replay
	w.pass(10 * time.Minute)
	w.wantCheck("k2", "revoked")
	w.wantCount("revocation_failed", 1)
	if l := w.state().List; l.Failure != listMalformed || !l.Updated.Equal(start.Add(10*time.Minute-time.Second)) {
		t.Errorf("after a replay: %+v", l)
	}
	w.publish(time.Minute, "k2")
	w.pass(time.Minute)
	w.wantCheck("k2", "revoked")
	w.wantCount("key_revoked", 1) // called out once
	w.publish(10 * time.Minute)
	w.pass(time.Minute)
	w.wantCheck("k2", "good")
}

// Where the keys can't be had, the list is not waited for in the same breath: its own turn comes with the check.
func TestListAfterFailedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(10 * time.Minute)
	w.want("k1", "k1")
	w.status(jwksPath, http.StatusBadGateway)
	w.pass(10 * time.Minute)
	w.want("k1", "k1")
	if w.asked(jwksPath) != 2 || w.asked(listPath) != 1 {
		t.Error("asked for both")
	}
	w.wantCheck("k1", "good")
	if w.asked(listPath) != 2 {
		t.Error("not asked for the list")
	}
}

// A key that the list revokes can't sign the next one: or it would give itself back.
func TestRevokedKeySignsNoList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.set(jwksPath, keySet("k1", "k2"))
	w.publish(time.Minute, "k1")
	w.wantCheck("k1", "revoked")
	w.pass(time.Minute)
	w.publish(time.Minute)
	w.wantCheck("k1", "revoked")
	w.pass(time.Minute)
	w.set(listPath, edSigner("k2").compact(encoded(w.payload(time.Minute))))
	w.wantCheck("k1", "good")
}

// Contract F61: asked by next_update, at least a minute and at most half an hour after the last check.
func TestPolling(t *testing.T) {
	t.Parallel()
	for interval, want := range map[time.Duration]time.Duration{time.Second: time.Minute, time.Minute: time.Minute, 10 * time.Minute: 10 * time.Minute,
		30 * time.Minute: 30 * time.Minute, 24 * time.Hour: 30 * time.Minute} {
		w := newWorld(t)
		w.publish(interval)
		w.wantCheck("k1", "good")
		w.pass(want - time.Second)
		w.wantCheck("k1", "good")
		if n := w.asked(listPath); n != 1 {
			t.Errorf("%v: %d requests a second before %v", interval, n, want)
		}
		w.pass(time.Second)
		w.wantCheck("k1", "good")
		if n := w.asked(listPath); n != 2 {
			t.Errorf("%v: %d requests after %v", interval, n, want)
		}
	}
}

// A list that has not changed is not sent again; but one that nobody renews gets stale however often it is confirmed.
func TestConditionalGet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(10 * time.Minute)
	said := w.said[listPath]
	said.header = map[string]string{"ETag": `"v1"`}
	w.put(listPath, said)
	w.wantCheck("k1", "good")
	if h := w.last[listPath].Get("If-None-Match"); h != "" {
		t.Errorf("the first request has %q", h)
	}
	w.pass(10 * time.Minute)
	w.wantCheck("k1", "good")
	if h := w.last[listPath].Get("If-None-Match"); h != `"v1"` {
		t.Errorf("the second request has %q", h)
	}
	if l := w.state().List; !l.CheckedAt.Equal(w.now()) || l.Failure != "" {
		t.Errorf("after a 304: %+v", l)
	}
	for range 40 {
		w.pass(time.Minute)
		w.wantCheck("k1", "good")
	}
	w.pass(time.Second)
	w.wantCheck("k1", "stale")
	if l := w.state().List; l.Failure != "" {
		t.Errorf("after 304s: %+v", l)
	}
}

// Contract F61, F62: what existed has to stay. The old list serves until next_update and four intervals more; then nothing does.
func TestGrace(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]page{
		"not there":  {status: 404},
		"down":       {status: 503},
		"moved":      {status: 302, header: map[string]string{"Location": "/x"}},
		"not signed": {status: 200, body: "{}"},
		"too long":   {status: 200, body: strings.Repeat("x", maxList+1)},
		"304":        {status: 304}, // nobody asked conditionally
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.set(jwksPath, keySet("k1", "k2"))
			w.publish(10*time.Minute, "k2")
			w.wantCheck("k1", "good")
			w.put(listPath, gone)
			w.pass(10 * time.Minute)
			w.wantCheck("k1", "good")
			n := w.asked(listPath)
			w.pass(pollFloor - time.Second)
			w.wantCheck("k1", "good")
			if w.asked(listPath) != n {
				t.Error("asked again within a minute")
			}
			w.pass(40*time.Minute - pollFloor + time.Second)
			w.wantCheck("k1", "good")
			w.wantCheck("k2", "revoked")
			w.wantCount("revocation_stale", 0)
			w.pass(time.Second)
			w.wantCheck("k1", "stale")
			w.wantCheck("k2", "revoked")
			w.wantCount("revocation_stale", 1)
			if v, err := w.Show(t.Context(), w.sender); err != nil || v.Revocation.State != "stale" || v.Revocation.Failure == "" {
				t.Errorf("view %+v, %v", v.Revocation, err)
			}
			w.pass(time.Minute)
			w.publish(10 * time.Minute)
			w.wantCheck("k1", "good")
		})
	}
	// The interval has the polling's bounds.
	for interval, want := range map[time.Duration]time.Duration{time.Second: time.Second + 4*time.Minute, 48 * time.Hour: 50 * time.Hour} {
		if got := (list{Updated: start, NextUpdate: start.Add(interval)}).staleAt().Sub(start); got != want {
			t.Errorf("%v: stale after %v, want %v", interval, got, want)
		}
	}
}

// Contract F62: a sender that never had a list has none; one of which that can't be known is not believed.
func TestNoList(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{404: "good", 410: "good", 403: "good", 401: "good",
		500: "503 revocation_unreachable", 302: "503 revocation_unreachable",
		429: "503 revocation_unreachable", 408: "503 revocation_unreachable", 204: "503 revocation_unreachable"} {
		w := newWorld(t)
		w.put(listPath, page{status: status})
		w.want("k1", "k1")
		if got := w.check("k1"); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
	w := newWorld(t)
	w.wantCheck("k1", "good")
	w.wantCount("revocation_none", 1)
	w.pass(30*time.Minute - time.Second)
	w.wantCheck("k1", "good")
	if w.asked(listPath) != 1 {
		t.Error("asked again within half an hour")
	}
	w.pass(time.Second)
	w.wantCheck("k1", "good")
	w.wantCount("revocation_none", 1)
	if w.asked(listPath) != 2 {
		t.Error("not asked again after half an hour")
	}
	w.pass(30 * time.Minute)
	w.status(listPath, http.StatusBadGateway) // there was none before: nothing is lost
	w.wantCheck("k1", "good")
	w.wantCheck("k1", "good")
	if w.asked(listPath) != 3 {
		t.Error("not one request")
	}
	w.pass(time.Minute)
	w.set(listPath, "<html>") // there is something now, and what it says can't be known
	w.wantCheck("k1", "503 revocation_malformed")
	w.wantCheck("k1", "503 revocation_malformed")
	w.pass(failureRest)
	w.publish(time.Hour, "k1")
	w.wantCheck("k1", "revoked")
}

// The list stands where brand.json does: after its redirect, and where the key set is if there is no brand.json. Where it moves to has to be known before
// anything is believed, and what was revoked stays so.
func TestListMoves(t *testing.T) {
	t.Parallel()
	w := newNetWorld(t)
	w.set(operatorBrand, `{"authoritative_location":"https://cdn.example/b.json"}`)
	w.set("cdn.example/b.json", w.brand(""))
	w.set(ownKeys, keySet("k1"))
	w.want("k1", "k1")
	w.wantCheck("k1", "good")
	if w.asked("cdn.example"+listPath) != 1 || w.asked("example.co.uk"+listPath) != 0 {
		t.Fatal("asked elsewhere")
	}
	w.set(operatorBrand, w.brand(""))
	w.status("example.co.uk"+listPath, http.StatusBadGateway)
	w.pass(freshFor)
	w.want("k1", "k1")
	w.wantCheck("k1", "503 revocation_unreachable") // that there was none elsewhere says nothing of here
	p := w.payload(10*time.Minute, "k1")
	p["issuer"] = "https://example.co.uk"
	w.set("example.co.uk"+listPath, edSigner("k1").compact(encoded(p)))
	w.pass(failureRest)
	w.wantCheck("k1", "revoked")
	w.set(operatorBrand, `{"authoritative_location":"https://cdn.example/b.json"}`)
	w.pass(freshFor)
	w.want("k1", "k1")
	w.wantCheck("k1", "revoked")
	w.pass(time.Hour)
	w.want("k1", "k1")
	w.wantCheck("k2", "stale")
	// A human's word begins anew at the new place.
	v, err := w.Pin(t.Context(), w.sender, "https://"+ownKeys)
	if err != nil || v.Revocation.State != "none" {
		t.Fatalf("%+v, %v", v.Revocation, err)
	}
	w.wantCheck("k1", "good")
	// And without brand.json.
	w.status(operatorBrand, 404)
	w.pass(freshFor)
	w.want("k1", "k1")
	w.wantCheck("k1", "good")
	if w.asked("sales.example.co.uk"+listPath) != 1 {
		t.Error("the anchor's origin was not asked")
	}
}

// A revocation check that comes first finds the sender too, and one that fails is told apart.
func TestCheckFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(time.Hour)
	w.wantCheck("k1", "good")
	w.wantHits(map[string]int{brandPath: 1, jwksPath: 1, listPath: 1})
	w.store.fail = errors.New("throttled")
	w.pass(30 * time.Minute)
	if err := w.delivery().Check(t.Context(), "k1"); !errors.Is(err, w.store.fail) {
		t.Error(err)
	}
	// A list that doesn't come costs the delivery what is left of its time, and the keys that came are kept.
	w = newWorld(t)
	w.put(listPath, page{status: 200, wait: make(chan struct{})})
	ctx, cancel := context.WithTimeout(t.Context(), storeReserve+50*time.Millisecond)
	defer cancel()
	d := w.delivery()
	if k, err := d.Key(ctx, "k1"); err != nil || k.KID != "k1" {
		t.Fatal(k, err)
	}
	if err := d.Check(ctx, "k1"); verdict("", err) != "503 revocation_unreachable" {
		t.Error(err)
	}
	w.wantHits(map[string]int{brandPath: 1, jwksPath: 1, listPath: 1})
}

// The most that a sender can make us keep stays far below what an item may hold.
func TestDocumentIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kids, revoked := make([]string, 150), make([]string, 3000)
	for i := range revoked {
		revoked[i] = fmt.Sprintf("%04d<&>", i)
	}
	for round := range 10 {
		for i := range kids {
			kids[i] = fmt.Sprintf("%d-%03d%s", round, i, strings.Repeat("<", 160))
		}
		w.set(jwksPath, keySet(append(kids, "k1")...))
		w.publish(time.Minute, revoked...)
		w.pass(10 * time.Minute)
		w.want("k1", "k1")
		w.wantCheck(revoked[0], "revoked")
	}
	if n := len(w.doc().Body); n > 200<<10 {
		t.Errorf("%d bytes", n)
	}
	if n := len(w.state().Seen); n > maxSeen+maxKeys {
		t.Errorf("%d admissions", n)
	}
}

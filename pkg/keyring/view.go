package keyring

import (
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
	"context"
	"errors"
	"log/slog"
	"time"
)

// View is what a tenant is shown of a sender's keys.
type View struct {
	BrandURL   string         `json:"brand_json_url,omitempty"`
	JWKSURI    string         `json:"jwks_uri,omitempty"`
	AnchoredAt time.Time      `json:"anchored_at,omitzero"`
	Held       *Change        `json:"held,omitempty"`
	FetchedAt  time.Time      `json:"fetched_at,omitzero"`
	Keys       []KeyView      `json:"keys"`
	Revocation RevocationView `json:"revocation"`
	// Failure is what the last refresh failed with; empty if it didn't.
	Failure  string    `json:"failure,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
}

// KeyView is one key.
type KeyView struct {
	KID       string    `json:"kid"`
	Alg       string    `json:"alg"`
	Use       string    `json:"adcp_use"`
	FirstSeen time.Time `json:"first_seen"`
	Revoked   bool      `json:"revoked"`
}

// RevocationView is what is known of the revocation list. State is unknown, none, current or stale.
type RevocationView struct {
	State      string    `json:"state"`
	URL        string    `json:"url,omitempty"`
	CheckedAt  time.Time `json:"checked_at,omitzero"`
	Updated    time.Time `json:"updated,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Revoked    int       `json:"revoked"`
	Failure    string    `json:"failure,omitempty"`
}

// Show tells what is kept of a sender. It asks nobody: of a sender that was never asked it tells nothing.
func (s *Source) Show(ctx context.Context, sender Sender) (View, error) {
	r, err := s.load(ctx, sender)
	if err != nil {
		return View{}, err
	}
	return r.view(s.Now()), nil
}

// anchorTries is how often an anchor is set anew when other functions refresh at the same time.
const anchorTries = 3

// Anchor takes a human's word for the address of a sender's key set (contract F55): the one that its brand.json names now, or any if there is no
// brand.json. The keys there are in force at once, and a held change is settled. It returns an *orchestrator.InvalidError for another address, and an
// *UnavailableError, with nothing changed, if brand.json or the key set can't be had.
func (s *Source) Pin(ctx context.Context, sender Sender, jwksURI string) (View, error) {
	if err := s.checkURL(jwksURI); err != nil {
		return View{}, invalid(err.Error(), "send the https address of the agent's key set")
	}
	asking, cancel := context.WithTimeout(ctx, budget(ctx, refreshTimeout))
	defer cancel()
	err := store.ErrStale
	for range anchorTries {
		var r *ring
		if r, err = s.load(ctx, sender); err != nil {
			return View{}, err
		}
		w := s.begin(sender, r)
		if err := w.anchor(asking, jwksURI); err != nil {
			return View{}, err
		}
		if r, err = s.store(ctx, sender, r.version, w); err == nil {
			return r.view(s.Now()), nil
		}
		if !errors.Is(err, store.ErrStale) {
			return View{}, err
		}
	}
	return View{}, err
}

func (w *work) anchor(ctx context.Context, jwksURI string) error {
	p, declared, err := w.discover(ctx, w.sender, w.now)
	if errors.Is(err, errAbsent) {
		p, declared, err = place{"", jwksURI}, "", nil
	}
	if err == nil && !sameURL(p.jwks, jwksURI) {
		return invalid("has to be the address that the agent's brand.json names: "+p.jwks, "send that address, or have the agent's operator correct brand.json")
	}
	if err == nil {
		err = checkOrigin(p.jwks, declared)
	}
	if err != nil {
		return w.refused(ctx, err)
	}
	set, err := w.published(ctx, p.jwks)
	if err != nil {
		return w.refused(ctx, err)
	}
	w.st.Held, w.st.AnchoredAt, w.st.Missing, w.st.MissedAt = nil, w.now, nil, time.Time{}
	w.take(ctx, p, set, true)
	if l := w.st.List; l.known() && l.From != w.st.listURL() {
		w.st.List = list{} // the human's word is for the new place: that there was a list at the old one binds it no longer
	}
	if w.st.List.due(w.st.listURL(), w.now) {
		w.pollList(ctx)
	}
	w.later(func() {
		slog.InfoContext(ctx, "a sender's key set anchored", "tenant", w.sender.Tenant, "sender", w.sender.ID, "host", loggableHost(p.jwks))
		w.count("anchored")
	})
	return nil
}

func (w *work) refused(ctx context.Context, err error) error {
	w.failed(ctx, err)
	f := w.cause
	slog.WarnContext(ctx, "a sender's key set not anchored", "tenant", w.sender.Tenant, "sender", w.sender.ID, "code", f.code, "detail", f.detail)
	return &UnavailableError{Code: f.code, RetryAfter: failureRest, Cause: f}
}

func invalid(rule, remedy string) error {
	return &validation.Error{Fields: []validation.FieldError{{Field: "jwks_uri", Rule: rule, Remedy: remedy}}}
}

func (r *ring) view(now time.Time) View {
	v := View{BrandURL: r.BrandURL, JWKSURI: r.Pin, AnchoredAt: r.AnchoredAt, Held: r.Held, FetchedAt: r.FetchedAt, Keys: make([]KeyView, 0, len(r.Keys)),
		Failure: r.Failure, FailedAt: r.FailedAt}
	seen := make(map[string]int64, len(r.Seen))
	for _, a := range r.Seen {
		seen[a.KID] = a.At
	}
	for _, k := range r.Keys {
		_, revoked := r.revoked[k.KID]
		v.Keys = append(v.Keys, KeyView{k.KID, k.Alg, k.AdCPUse, time.Unix(seen[hashed(k.KID)], 0).UTC(), revoked})
	}
	l := r.List
	v.Revocation = RevocationView{State: "unknown", URL: l.URL, CheckedAt: l.CheckedAt, Updated: l.Updated, NextUpdate: l.NextUpdate, Revoked: len(l.Revoked),
		Failure: l.Failure}
	switch {
	case l.known() && now.After(l.staleAt()):
		v.Revocation.State = "stale"
	case l.known():
		v.Revocation.State = "current"
	case l.None:
		v.Revocation.State = "none"
	}
	return v
}

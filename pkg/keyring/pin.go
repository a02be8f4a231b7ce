package keyring

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// maxPinAttempts is how often Pin tries while other functions refresh the same sender.
const maxPinAttempts = 3

// Pin puts the address of a sender's key set in use because a person confirmed it (contract F55).
// It must be the address that the sender's brand.json names now; any address will do if there is no
// brand.json. The keys there take effect at once, and a pending change ends. Pin returns a
// *validation.Error for another address. It returns an *UnavailableError, with nothing changed, if
// brand.json or the key set can't be read, and store.ErrStale if refreshes got in its way every
// time.
func (s *Source) Pin(ctx context.Context, sender Sender, jwksURI string) (View, error) {
	if err := s.checkURL(jwksURI); err != nil {
		return View{}, invalid("must be the https address of the agent's key set",
			"send another address: this one was "+err.Error())
	}
	fetchCtx, cancel := context.WithTimeout(ctx, fetchBudget(ctx, refreshTimeout))
	defer cancel()
	err := store.ErrStale
	for range maxPinAttempts {
		var snap *snapshot
		if snap, err = s.load(ctx, sender); err != nil {
			return View{}, err
		}
		r := s.newRefresh(sender, snap)
		if err := r.pin(fetchCtx, jwksURI); err != nil {
			return View{}, err
		}
		if snap, err = s.commit(ctx, sender, snap.version, r); err == nil {
			return snap.view(s.Now()), nil
		}
		if !errors.Is(err, store.ErrStale) {
			return View{}, err
		}
	}
	return View{}, err
}

// pin makes the next state with the given pin.
func (r *refresh) pin(ctx context.Context, jwksURI string) error {
	at, declared, err := r.discover(ctx, r.sender, r.now)
	if errors.Is(err, errAbsent) {
		at, declared, err = location{jwks: jwksURI}, "", nil
	}
	if err == nil && !sameURL(at.jwks, jwksURI) {
		return invalid("must be the address that the agent's brand.json names: "+at.jwks,
			"send that address, or have the agent's operator correct brand.json")
	}
	if err == nil {
		err = checkKeyOrigin(at.jwks, declared)
	}
	if err != nil {
		return r.pinFailed(ctx, err)
	}
	set, err := r.fetchKeySet(ctx, at.jwks)
	if err != nil {
		return r.pinFailed(ctx, err)
	}
	r.next.PendingChange, r.next.PinnedAt = nil, r.now
	r.next.Missing, r.next.MissedAt = nil, time.Time{}
	r.accept(ctx, at, set, true)
	if l := r.next.List; l.known() && l.From != r.next.revocationURL() {
		r.next.List = list{} // the person vouches for the new place: it need not have a list because the old one had
	}
	if r.next.List.due(r.next.revocationURL(), r.now) {
		r.fetchList(ctx)
	}
	r.tell("Somebody has confirmed its key set")
	r.afterCommit(func() {
		r.log().InfoContext(ctx, "a sender's key set is pinned", "host", loggableHost(at.jwks))
		r.count(eventPinned)
	})
	return nil
}

func (r *refresh) pinFailed(ctx context.Context, err error) error {
	r.fail(ctx, err)
	f := r.failure
	r.log().WarnContext(ctx, "a sender's key set was not pinned", "code", f.code, "detail", f.detail)
	return &UnavailableError{Code: f.code, RetryAfter: failureCooldown, Cause: f}
}

func invalid(rule, remedy string) error {
	return &validation.Error{Fields: []validation.FieldError{{
		Field:  "jwks_uri",
		Code:   validation.InvalidValue,
		Rule:   rule,
		Remedy: remedy,
	}}}
}

package keyring

import (
	"context"
	"time"
)

// View is what a tenant sees of a sender's keys.
type View struct {
	BrandURL      string         `json:"brand_json_url,omitempty"`
	JWKSURI       string         `json:"jwks_uri,omitempty"`
	PinnedAt      time.Time      `json:"pinned_at,omitzero"`
	PendingChange *PendingChange `json:"pending_change,omitempty"`
	FetchedAt     time.Time      `json:"fetched_at,omitzero"`
	Keys          []KeyView      `json:"keys"`
	Revocation    RevocationView `json:"revocation"`
	// Failure is the code of the last refresh if that failed, else "".
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

// Show returns what is stored of a sender. It fetches nothing: the View of a sender whose keys were
// never fetched is empty. It returns the store's errors.
func (s *Source) Show(ctx context.Context, sender Sender) (View, error) {
	snap, err := s.load(ctx, sender)
	if err != nil {
		return View{}, err
	}
	return snap.view(s.Now()), nil
}

func (s *snapshot) view(now time.Time) View {
	return View{
		BrandURL:      s.BrandURL,
		JWKSURI:       s.JWKSURI,
		PinnedAt:      s.PinnedAt,
		PendingChange: s.PendingChange,
		FetchedAt:     s.FetchedAt,
		Keys:          s.keyViews(),
		Revocation:    s.List.view(now),
		Failure:       s.Failure,
		FailedAt:      s.FailedAt,
	}
}

func (s *snapshot) keyViews() []KeyView {
	seen := make(map[string]int64, len(s.Seen))
	for _, a := range s.Seen {
		seen[a.KID] = a.At
	}
	views := make([]KeyView, 0, len(s.Keys))
	for _, k := range s.Keys {
		_, revoked := s.revoked[k.KID]
		views = append(views, KeyView{
			KID:       k.KID,
			Alg:       k.Alg,
			Use:       k.AdCPUse,
			FirstSeen: time.Unix(seen[hashKeyID(k.KID)], 0).UTC(),
			Revoked:   revoked,
		})
	}
	return views
}

func (l list) view(now time.Time) RevocationView {
	v := RevocationView{
		State:      "unknown",
		URL:        l.URL,
		CheckedAt:  l.CheckedAt,
		Updated:    l.Updated,
		NextUpdate: l.NextUpdate,
		Revoked:    len(l.Revoked),
		Failure:    l.Failure,
	}
	switch {
	case l.known() && now.After(l.staleAt()):
		v.State = "stale"
	case l.known():
		v.State = "current"
	case l.None:
		v.State = "none"
	}
	return v
}

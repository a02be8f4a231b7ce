package keyring

import (
	"encoding/json"
	"strings"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/store"
)

// state is what a sender's document holds. It is never modified, only replaced.
type state struct {
	// BrandURL is the address of the brand.json in use, after its redirect. It is "" if the agent has
	// none and a person pinned its key set.
	BrandURL string `json:"brand_json_url,omitempty"`
	// JWKSURI is the pin, the address of the key set in use (contract F55): the first that was found,
	// or the one that a person confirmed at PinnedAt.
	JWKSURI  string    `json:"jwks_uri,omitempty"`
	PinnedAt time.Time `json:"pinned_at,omitzero"`
	// PendingChange is another address that brand.json names now.
	PendingChange *PendingChange `json:"pending_change,omitempty"`
	// Keys are the published keys as of FetchedAt, sorted by id.
	Keys      []httpsig.JWK `json:"keys,omitempty"`
	FetchedAt time.Time     `json:"fetched_at,omitzero"`
	// Failure is the code of the last refresh if that failed, else "".
	Failure  string    `json:"failure,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
	// MissedAt is the time of the last refetch for an unknown key. Missing are such keys.
	MissedAt time.Time   `json:"missed_at,omitzero"`
	Missing  []missedKey `json:"missing,omitempty"`
	// Since is when the first key set was read. Seen is when each key was first seen, oldest first.
	Since          time.Time   `json:"since,omitzero"`
	Seen           []admission `json:"seen,omitempty"`
	TuningReported bool        `json:"tuning_reported,omitempty"`
	List           list        `json:"revocation,omitzero"`
	// Unknown holds the members of the stored document that only newer code knows.
	Unknown string `json:"-" document:"unknown"`
}

// PendingChange is a new address of a key set that waits for a person's confirmation.
type PendingChange struct {
	JWKSURI string    `json:"jwks_uri"`
	Since   time.Time `json:"since"`
	Unknown string    `json:"-" document:"unknown"`
}

// missedKey is a key id that a delivery named and the fetched key set did not contain.
type missedKey struct {
	KID     string    `json:"kid"`
	At      time.Time `json:"at"`
	Unknown string    `json:"-" document:"unknown"`
}

// maxMissing bounds the missed keys in a document: a delivery can name any key.
const maxMissing = 4

func (st state) encode() ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // would make six bytes of one byte that the sender chose
	if err := e.Encode(st); err != nil {
		return nil, err
	}
	return store.AddUnknown([]byte(b.String()), st)
}

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// APIKey is an API key as clients see it.
type APIKey struct {
	ID     string       `json:"id"`
	URL    string       `json:"url"`
	Name   string       `json:"name"`
	Scopes []string     `json:"scopes"`
	State  apikey.State `json:"state"`
	// Key is what a client sends. It is shown once, by the answer to the request that made it.
	Key string `json:"key,omitempty"`
	// KeyWithheld says why an answer to such a request has no Key.
	KeyWithheld string     `json:"key_withheld,omitempty"`
	Version     int64      `json:"version"`
	CreatedAt   time.Time  `json:"created_at"`
	CreatedBy   keyActor   `json:"created_by"`
	LastUsedAt  *time.Time `json:"last_used_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	RolledAt    *time.Time `json:"rolled_at,omitempty"`
	// OverlapUntil is when the key of before the last roll ends.
	OverlapUntil *time.Time `json:"overlap_until,omitempty"`
	RevokedAt    *time.Time `json:"revoked_at,omitempty"`
	RevokedBy    *keyActor  `json:"revoked_by,omitempty"`
}

type keyActor struct {
	Type operation.ActorType `json:"type"`
	ID   string              `json:"id,omitempty"`
	Name string              `json:"name,omitempty"`
}

// shownOnce is why a repetition does not show a key.
const shownOnce = "shown_once"

func (a API) viewKey(k apikey.Record, now time.Time) APIKey {
	v := APIKey{ID: k.ID, URL: a.BaseURL + "/v1/api-keys/" + k.ID, Name: k.Name, Scopes: k.Scopes, State: k.State(now),
		Version: k.Version, CreatedAt: k.CreatedAt, CreatedBy: viewActor(k.CreatedBy), LastUsedAt: orNull(k.LastUsedAt),
		ExpiresAt: orNull(k.ExpiresAt), RolledAt: orNull(k.RolledAt), RevokedAt: orNull(k.RevokedAt)}
	if k.RevokedAt.IsZero() {
		v.OverlapUntil = orNull(k.OverlapUntil(now))
	} else {
		by := viewActor(k.RevokedBy)
		v.RevokedBy = &by
	}
	return v
}

func viewActor(by operation.Actor) keyActor { return keyActor{by.Type, by.ID, by.Name} }

// keyIDForm is the form of a key's id.
var keyIDForm = validation.Pattern(`^key_[a-z2-7]{16}$`)

func (r Request) keyID() (string, error) { return r.pathID(keyIDForm()) }

// CreateKey serves POST /v1/api-keys: 201 with the key, which is shown this once. A repetition is
// 200 without it.
func (a API) CreateKey(keys apikey.Manager) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		var c validation.Checks
		request := r.Header.Get("Idempotency-Key")
		if !validIdempotencyKey(request) {
			c.Add("Idempotency-Key", validation.InvalidValue, "must be a header of 1 to 255 visible ASCII characters",
				"send a UUID of your own, and the same one when you repeat the request")
		}
		n := apikey.NewKey{Scopes: apikey.DefaultScopes()}
		var expires *time.Time
		readObject(&c, r.Body, `{"name": "...", "scopes": ["operations:read"], "expires_at": "2027-01-31T00:00:00Z"}`,
			map[string]member{
				"name":       {&n.Name, "a string"},
				"scopes":     {&n.Scopes, "an array of scopes"},
				"expires_at": {&expires, "a time of RFC 3339, or null for never"},
			})
		if expires != nil {
			n.ExpiresAt = expires.UTC().Truncate(time.Second)
		}
		if err := c.Err(); err != nil {
			return Response{}, err
		}
		issued, err := keys.Create(ctx, r.Principal, r.Actor(), request, n)
		if err != nil {
			return Response{}, refusedKey(err)
		}
		return a.issued(issued, keys.Now(), http.StatusCreated), nil
	}
}

// issued answers with a key that was made or rolled, or with 200 without it to a repetition.
func (a API) issued(i apikey.Issued, now time.Time, status int) Response {
	v := a.viewKey(i.Record, now)
	header := map[string]string{"Location": v.URL, "ETag": ETag(i.Record.Version)}
	if v.Key = i.Secret; v.Key == "" {
		v.KeyWithheld, status, header["Idempotent-Replayed"] = shownOnce, http.StatusOK, "true"
	}
	return Response{Status: status, Header: header, Body: v}
}

// ListKeys serves GET /v1/api-keys: the tenant's keys, the newest first.
func (a API) ListKeys(keys apikey.Manager) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		after, err := readCursor(r)
		if err != nil {
			return Response{}, err
		}
		p := r.params()
		limit := p.limit()
		if err := p.err(); err != nil {
			return Response{}, err
		}
		found, next, err := keys.Store.KeyRecords(ctx, r.Principal.Tenant, after, limit)
		if err != nil {
			return Response{}, err
		}
		var items []APIKey
		for _, k := range found {
			items = append(items, a.viewKey(k, keys.Now()))
		}
		return Response{Status: http.StatusOK, Body: pageOf(a, r, "/v1/api-keys", items, next)}, nil
	}
}

// ShowKey serves GET /v1/api-keys/{id}.
func (a API) ShowKey(keys apikey.Manager) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.keyID()
		if err != nil {
			return Response{}, err
		}
		k, err := keys.Store.KeyRecord(ctx, r.Principal.Tenant, id)
		if err != nil {
			return Response{}, err
		}
		header := map[string]string{"ETag": ETag(k.Version)}
		if r.Unchanged(k.Version) {
			return Response{Status: http.StatusNotModified, Header: header, Body: ""}, nil
		}
		return Response{Status: http.StatusOK, Header: header, Body: a.viewKey(k, keys.Now())}, nil
	}
}

// DeleteKey serves DELETE /v1/api-keys/{id}: 204, the same for each repetition. The header
// Effective-At says from when on nobody is admitted with the key.
func (a API) DeleteKey(keys apikey.Manager) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.keyID()
		if err != nil {
			return Response{}, err
		}
		k, err := keys.Revoke(ctx, r.Principal.Tenant, r.Actor(), id, ifMatch(r))
		if err != nil {
			return Response{}, refusedKey(err)
		}
		effective := k.RevokedAt.Add(apikey.CachedFor).Format(time.RFC3339)
		return Response{Status: http.StatusNoContent, Header: map[string]string{"Effective-At": effective}, Body: ""}, nil
	}
}

// ifMatch refuses a change of another version than If-Match names.
func ifMatch(r Request) func(apikey.Record) error {
	return func(k apikey.Record) error { return r.CheckVersion(k.Version, false) }
}

// RollKey serves POST /v1/api-keys/{id}/roll: 200 with another key under the same id, which is
// shown this once.
func (a API) RollKey(keys apikey.Manager) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.keyID()
		if err != nil {
			return Response{}, err
		}
		var c validation.Checks
		request := r.Header.Get("Idempotency-Key")
		if request != "" && !validIdempotencyKey(request) {
			c.Add("Idempotency-Key", validation.InvalidValue, "must be a header of 1 to 255 visible ASCII characters",
				"send a UUID of your own, or leave it out")
		}
		seconds := -1
		most := int(apikey.MaxOverlap / time.Second)
		ok := readObject(&c, r.Body, `{"overlap_seconds": 3600}`, map[string]member{
			"overlap_seconds": {&seconds, "a whole number"}})
		if field := "overlap_seconds"; ok && !c.Has(field) && (seconds < 0 || seconds > most) {
			c.Add(field, validation.OutOfRange, fmt.Sprintf("must be from 0 to %d: how long the key of before goes on working",
				most), "send 0 if it may be in wrong hands, else as long as you need to replace it")
		}
		if err := c.Err(); err != nil {
			return Response{}, err
		}
		issued, err := keys.Roll(ctx, r.Principal, request, id, time.Duration(seconds)*time.Second, ifMatch(r))
		if err != nil {
			return Response{}, refusedKey(err)
		}
		return a.issued(issued, keys.Now(), http.StatusOK), nil
	}
}

// refusedKey turns a refusal of a change of keys into a problem. Other errors stay as they are.
func refusedKey(err error) error {
	var missing *apikey.ScopesError
	var ended *apikey.EndedError
	switch {
	case errors.As(err, &missing):
		list := strings.Join(missing.Missing, ", ")
		return NewProblem(http.StatusForbidden, codeInsufficientScope, "the key that you use lacks "+list+
			": a key makes and shows no key that may do more than itself", validation.FieldError{Field: "scopes",
			Code: validation.InvalidValue, Rule: "must be scopes of the key that you use", Remedy: "leave out " + list +
				", or use a key that has them"})
	case errors.As(err, &ended):
		return NewProblem(http.StatusConflict, codeKeyEnded, "the key is "+string(ended.State)+"; make a new one")
	case errors.Is(err, apikey.ErrLastAdmin):
		return NewProblem(http.StatusConflict, codeLastAdminKey, "no other key in force has "+apikey.ScopeKeysWrite+
			", so nobody could make keys any more; make another one first")
	case errors.Is(err, apikey.ErrTooManySecrets):
		return NewProblem(http.StatusConflict, codeTooManySecrets, "the keys of before earlier rolls are still in force; "+
			"wait until their overlaps are over, or make a new key and delete this one")
	case errors.Is(err, apikey.ErrRequestDiffers):
		return reusedKey()
	}
	return err
}

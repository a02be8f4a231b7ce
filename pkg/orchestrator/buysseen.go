package orchestrator

import (
	"encoding/json"
	"time"
)

// buysSeen is what a list of buys has shown.
type buysSeen struct {
	look                  *lookUp
	account, buyerRef     string     // those of the operation's request, "" if it names none
	found                 *listedBuy // the operation's
	statuses              []string
	readable, withContext int
	// unknown are those that may be the operation's without showing it.
	unknown int
	// own and foreign are those that show the request's account, or another one.
	own, foreign int
}

func (l *lookUp) newBuys() *buysSeen {
	var request struct {
		Account  json.RawMessage `json:"account"`
		BuyerRef json.RawMessage `json:"buyer_ref"`
	}
	_ = json.Unmarshal(l.request, &request) // without them nothing is excluded by them
	return &buysSeen{look: l, account: accountID(request.Account), buyerRef: textOf(request.BuyerRef)}
}

// add reads an item of the list. It has seen enough with the operation's buy.
func (s *buysSeen) add(raw json.RawMessage) (enough bool) {
	b := readBuy(raw)
	if b == nil {
		s.unknown++
		return false
	}
	if carriesID(b.Context, s.look.op.ID) || b.isNamedBy(s.look.op) {
		s.found = b
		return true
	}
	s.readable++
	s.statuses = append(s.statuses, b.Status)
	foreign := differ(accountID(b.Account), s.account)
	switch {
	case foreign:
		s.foreign++
	case accountID(b.Account) != "":
		s.own++
	}
	switch {
	case hasContext(b.Context):
		s.withContext++
	case !foreign && s.mayBeOurs(b):
		s.unknown++
	}
	return false
}

// mayBeOurs reports whether a buy without a context may be what the operation's call has made: it
// is not older, and shows no other purchase order.
func (s *buysSeen) mayBeOurs(b *listedBuy) bool {
	op := s.look.op
	created, err := time.Parse(time.RFC3339, textOf(b.CreatedAt))
	older := err == nil && created.Before(op.Call.FirstAt.Add(-maxClockSkew))
	return !older && !differ(textOf(b.PONumber), op.PONumber) && !differ(textOf(b.BuyerRef), s.buyerRef)
}

// hidden reports whether the list may have the operation's buy without showing it: as one of
// unknown origin, or because it is another account's list.
func (s *buysSeen) hidden() bool { return s.unknown > 0 || s.foreign > 0 && s.own == 0 }

// differ reports whether two ids are known and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

// accountID returns the id of an account, "" if it has none.
func accountID(account json.RawMessage) string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(account, &members) // what is no object has no id
	return textOf(members["account_id"])
}

// textOf returns a JSON string, "" for anything else.
func textOf(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}

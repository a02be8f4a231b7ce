package orchestrator

import (
	"cmp"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// buysSeen is what a list of buys has shown.
type buysSeen struct {
	look                  *lookUp
	account, buyerRef     string     // those of the operation's request, "" if it names none
	proposal, terms       string     // what the operation accepts and its digest, "" for another task
	found                 *listedBuy // the operation's
	statuses              []string
	readable, withContext int
	withProposal          int // those that show which proposal they stand on
	// undecided: a buy stands on the accepted proposal, and nothing shows whose acceptance made it.
	undecided bool
	// unknown are those that may be the operation's without showing it.
	unknown int
	// own and foreign are those that show the request's account, or another one.
	own, foreign int
}

func (l *lookUp) newBuys() *buysSeen {
	var request struct {
		Account  json.RawMessage `json:"account"`
		BuyerRef json.RawMessage `json:"buyer_ref"`
		Proposal json.RawMessage `json:"proposal_id"`
		Terms    json.RawMessage `json:"proposal_terms_digest"`
	}
	_ = json.Unmarshal(l.request, &request) // without them nothing is excluded by them
	s := &buysSeen{look: l, account: accountID(request.Account), buyerRef: textOf(request.BuyerRef)}
	if l.op.Type == adcp.AcceptProposal {
		s.proposal, s.terms = textOf(request.Proposal), textOf(request.Terms)
	}
	return s
}

// add reads an item of the list. It has seen enough with the operation's buy.
func (s *buysSeen) add(raw json.RawMessage) (enough bool) {
	b := readBuy(raw)
	if b == nil {
		s.unknown++
		return false
	}
	if carriesID(b.Context, s.look.op.ID) || s.standsOnProposal(b) || b.isNamedBy(s.look.op) && s.isNew(b) {
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
	bound := b.proposalID()
	if bound != "" {
		s.withProposal++
	}
	s.undecided = s.undecided || s.proposal != "" && bound == s.proposal && !hasContext(b.Context)
	switch {
	case hasContext(b.Context):
		s.withContext++
	case s.proposal != "" && bound != "" && bound != s.proposal:
		// It stands on another proposal than the one that the operation accepts.
	case !foreign && s.mayBeOurs(b):
		s.unknown++
	}
	return false
}

// standsOnProposal reports whether a buy stands on the proposal that the operation accepts, so
// that the acceptance was carried out. The buy that it changes keeps the context of the task that
// made it (contract A32). A buy that an acceptance has made may be that of an earlier operation:
// so it is if it has another context, and so it may be if it has ended, because its proposal is
// free then.
func (s *buysSeen) standsOnProposal(b *listedBuy) bool {
	if s.proposal == "" || b.proposalID() != s.proposal || differ(textOf(b.TermsDigest), s.terms) {
		return false
	}
	if adcp.AcceptsChange(b.Proposal, "") {
		return true
	}
	made := len(b.Proposal) > 0 && hasContext(b.Context)
	return !made && b.Status != "canceled" && b.Status != "rejected"
}

// isNew reports whether a buy that the agent named in an answer proves that the operation's call
// was carried out. An acceptance may name the buy that it is to change, which was there before:
// then the buy has to be newer, or to stand on the proposal.
func (s *buysSeen) isNew(b *listedBuy) bool {
	if s.look.op.Type != adcp.AcceptProposal {
		return true
	}
	if bound := b.proposalID(); bound != "" {
		return bound == s.proposal
	}
	_, err := time.Parse(time.RFC3339, textOf(b.CreatedAt))
	return err == nil && !s.older(b)
}

// older reports whether a buy shows that it was there before the operation's first call.
func (s *buysSeen) older(b *listedBuy) bool {
	created, err := time.Parse(time.RFC3339, textOf(b.CreatedAt))
	return err == nil && created.Before(s.look.op.Call.FirstAt.Add(-maxClockSkew))
}

// mayBeOurs reports whether a buy without a context may be what the operation's call has made: it
// is not older, and shows no other purchase order.
func (s *buysSeen) mayBeOurs(b *listedBuy) bool {
	order := cmp.Or(textOf(b.PONumber), textOf(b.OrderRef))
	return !s.older(b) && !differ(order, s.look.op.PONumber) && !differ(textOf(b.BuyerRef), s.buyerRef)
}

// hidden reports whether the list may have the operation's buy without showing it: as one of
// unknown origin, or because it is another account's list.
func (s *buysSeen) hidden() bool { return s.unknown > 0 || s.foreign > 0 && s.own == 0 }

// blind reports whether the list can't show the operation's buy: no buy has a context, and no
// proposal takes its place.
func (s *buysSeen) blind() bool {
	byProposal := s.proposal != "" && s.withProposal > 0 && !s.undecided
	return s.readable > 0 && s.withContext == 0 && !byProposal
}

// showsProposals reports whether the list would show what an accepted proposal has changed: not if
// no buy shows the proposal that it stands on.
func (s *buysSeen) showsProposals() bool { return s.proposal == "" || s.withProposal > 0 }

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

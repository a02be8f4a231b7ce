package orchestrator

import (
	"encoding/json"
	"maps"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
)

// SubmitRefusedError says that another operation, or the agent, stands in a submission's way:
// nothing was stored.
type SubmitRefusedError struct {
	Code SubmitRefusal
	// OperationID and State are the other operation's.
	OperationID string
	State       operation.State
	// Member is the member of the request that is in use, of PONumberInUse: "" for po_number.
	Member string
	// Words are for people, where there is no other operation.
	Words string
}

// SubmitRefusal is the code of a SubmitRefusedError.
type SubmitRefusal string

// Why a submission is refused.
const (
	PONumberInUse    SubmitRefusal = "po_number_in_use"    // another purchase has this purchase order
	ProposalInUse    SubmitRefusal = "proposal_in_use"     // the proposal was accepted by another request
	BuyHasOpenChange SubmitRefusal = "buy_has_open_change" // another change of this media buy is open
	// OperationExpired: the operation of this idempotency key, or the completed purchase of this
	// purchase order or proposal, has expired; its keys have not yet.
	OperationExpired SubmitRefusal = "operation_expired"
	// VersionUnsupported: the agent speaks no release of AdCP that has the task.
	VersionUnsupported SubmitRefusal = "version_unsupported"
)

// Error returns the code.
func (e *SubmitRefusedError) Error() string { return string(e.Code) }

// keyKind is what a natural key is of. It is part of the key's hash: purchases have the kind that
// create_media_buy's were stored with, changes that of update_media_buy's.
type keyKind string

const (
	orderKind    = keyKind(adcp.CreateMediaBuy)
	changeKind   = keyKind(adcp.UpdateMediaBuy)
	proposalKind = keyKind(adcp.AcceptProposal)
)

// naturalName is what names the thing that a request is about, by the kind of its key: a purchase's
// order, a change's media buy, a proposal. It is empty if the request has none of that kind.
func (r SubmitRequest) naturalName(kind keyKind) (name string) {
	switch {
	case kind == orderKind && r.Type.MakesBuy() && r.DedupeBy != DedupeByNone:
		name = r.PONumber()
	case kind == changeKind && r.Type.ChangesBuy():
		name = textOf(r.fields["media_buy_id"])
	case kind == proposalKind && r.Type == adcp.AcceptProposal:
		// A proposal is accepted once, whatever the purchase order: dedupe_by does not matter.
		both, _ := json.Marshal([]string{textOf(r.fields["proposal_id"]), textOf(r.fields["proposal_terms_digest"])})
		name = string(both)
	}
	return name
}

// takeNaturalKeys sets the hashes of what makes the new operation compete with others, whatever
// their idempotency keys: purchases by seller, account and purchase order, changes by seller,
// account and media buy, acceptances by seller, account and proposal, and by their purchase order
// as well (contract C32). The seller is the agent's URL: two entries of one URL are one seller.
func (r SubmitRequest) takeNaturalKeys(op *operation.Operation) error {
	for _, kind := range []keyKind{proposalKind, orderKind, changeKind} {
		key, err := r.naturalKey(kind, op.Target.URL)
		switch {
		case err != nil:
			return err
		case kind == orderKind && op.NaturalKey != "":
			op.OrderKey = key
		case key != "":
			op.NaturalKey = key
		}
	}
	return nil
}

// naturalKey is the hash of one of the request's natural keys, "" if it has none of that kind.
func (r SubmitRequest) naturalKey(kind keyKind, url string) (string, error) {
	name := r.naturalName(kind)
	if name == "" {
		return "", nil
	}
	account, err := sameAccount(r.fields["account"])
	if err != nil {
		return "", err
	}
	return hashNaturalKey(kind, url, account, name)
}

// formerNaturalKeys are the hashes by which older code knows the same purchase or change: it took
// the id of the agent's entry, and the account as it was written. What is open or completed under
// them must not be bought again.
func (r SubmitRequest) formerNaturalKeys() (keys []string, err error) {
	for _, kind := range []keyKind{orderKind, changeKind} {
		name := r.naturalName(kind)
		if name == "" {
			continue
		}
		written := r.fields["account"]
		account, err := sameAccount(written)
		if err != nil {
			return nil, err
		}
		for _, a := range []json.RawMessage{written, account} {
			key, err := hashNaturalKey(kind, r.AgentID, a, name)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}

// hashNaturalKey joins the parts of a natural key. Neither a kind nor a URL nor an agent's id holds
// a NUL, the name is last, and no id is a URL: no two keys read the same.
func hashNaturalKey(kind keyKind, seller string, account json.RawMessage, name string) (string, error) {
	a, err := digest.JSON(account)
	if err != nil {
		return "", err
	}
	return digest.Hex(string(kind) + "\x00" + seller + "\x00" + a + "\x00" + name), nil
}

// sameAccount returns an account in the form that it shares with every other way to write it:
// without what says the same as no member, which is the schema's default, a null, and an empty
// object, and without the label of its operator's unit (contract C32).
func sameAccount(raw json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	var unit map[string]json.RawMessage
	if json.Unmarshal(members["operator_unit"], &unit) == nil && unit["name"] != nil {
		delete(unit, "name")
		members["operator_unit"], _ = json.Marshal(unit) // what was read can be written
	}
	maps.DeleteFunc(members, func(name string, value json.RawMessage) bool {
		var empty map[string]json.RawMessage
		isObject := json.Unmarshal(value, &empty) == nil
		return isObject && len(empty) == 0 || name == "sandbox" && string(value) == "false"
	})
	return json.Marshal(members)
}

// naturalFingerprint is SHA-256 of the JCS of what the client wants: the request without the
// members that differ from attempt to attempt (contract C9).
func (r SubmitRequest) naturalFingerprint() (string, error) {
	wanted := maps.Clone(r.fields)
	if account, set := wanted["account"]; set {
		var err error
		if wanted["account"], err = sameAccount(account); err != nil {
			return "", err
		}
	}
	return fingerprintOfWanted(wanted)
}

// formerNaturalFingerprint is naturalFingerprint as older code made it, of the account as written.
func (r SubmitRequest) formerNaturalFingerprint() (string, error) {
	return fingerprintOfWanted(maps.Clone(r.fields))
}

func fingerprintOfWanted(wanted map[string]json.RawMessage) (string, error) {
	delete(wanted, "context")
	delete(wanted, "governance_context")
	raw, err := json.Marshal(wanted)
	if err != nil {
		return "", err
	}
	return digest.JSON(raw)
}

package orchestrator

import (
	"encoding/json"
	"maps"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
)

// SubmitRefusedError says that another operation stands in a submission's way: nothing was stored.
type SubmitRefusedError struct {
	Code SubmitRefusal
	// OperationID and State are the other operation's.
	OperationID string
	State       operation.State
}

// SubmitRefusal is the code of a SubmitRefusedError.
type SubmitRefusal string

// Why a submission is refused.
const (
	PONumberInUse    SubmitRefusal = "po_number_in_use"    // another purchase has this purchase order
	BuyHasOpenChange SubmitRefusal = "buy_has_open_change" // another change of this media buy is open
	// OperationExpired: the operation of this idempotency key, or the completed purchase of this
	// purchase order, has expired; its keys have not yet.
	OperationExpired SubmitRefusal = "operation_expired"
)

// Error returns the code.
func (e *SubmitRefusedError) Error() string { return string(e.Code) }

// naturalName is what names the thing that a request is about: a purchase's order number, a
// change's media buy; empty for anything else.
func (r SubmitRequest) naturalName() (name string) {
	switch {
	case r.Type == adcp.CreateMediaBuy && r.DedupeBy != DedupeByNone:
		name = r.PONumber()
	case r.Type == adcp.UpdateMediaBuy:
		_ = json.Unmarshal(r.fields["media_buy_id"], &name)
	}
	return name
}

// naturalKey is the hash of what makes two operations compete, whatever their idempotency keys: two
// purchases by seller, account and purchase order, two changes by seller, account and media buy. It
// is empty if nothing does. The seller is the agent's URL: two entries of one URL are one seller.
func (r SubmitRequest) naturalKey(url string) (string, error) {
	name := r.naturalName()
	if name == "" {
		return "", nil
	}
	account, err := sameAccount(r.fields["account"])
	if err != nil {
		return "", err
	}
	return hashNaturalKey(r.Type, url, account, name)
}

// formerNaturalKeys are the hashes by which older code knows the same operation: it took the id of
// the agent's entry, and the account as it was written. What is open or completed under them must
// not be bought again.
func (r SubmitRequest) formerNaturalKeys() (keys []string, err error) {
	name := r.naturalName()
	if name == "" {
		return nil, nil
	}
	written := r.fields["account"]
	account, err := sameAccount(written)
	if err != nil {
		return nil, err
	}
	for _, a := range []json.RawMessage{written, account} {
		key, err := hashNaturalKey(r.Type, r.AgentID, a, name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// hashNaturalKey joins the parts of a natural key. Neither a type nor a URL nor an agent's id holds
// a NUL, the name is last, and no id is a URL: no two keys read the same.
func hashNaturalKey(t adcp.Task, seller string, account json.RawMessage, name string) (string, error) {
	a, err := digest.JSON(account)
	if err != nil {
		return "", err
	}
	return digest.Hex(string(t) + "\x00" + seller + "\x00" + a + "\x00" + name), nil
}

// sameAccount returns an account in the form that it shares with every other way to write it:
// without what says the same as no member, which is the schema's default, a null, and an empty
// object.
func sameAccount(raw json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
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

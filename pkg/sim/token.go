package sim

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

// TokenWrite is AwaitUpdate's write: the only one that the state machine makes itself. It stores a
// task token on an operation.
type TokenWrite struct {
	Tenant, OperationID string
	// Version is the operation's: the write is conditional on it.
	Version int64
	Token   string
}

// ReadTokenWrite reads the arguments of AwaitUpdate. TestAwaitUpdateWritesTheStoresItem compares
// their key with that of the store.
func ReadTokenWrite(arguments json.RawMessage) (w TokenWrite, err error) {
	var in struct {
		Key    struct{ PK struct{ S string } }
		Values struct {
			Version struct{ N string } `json:":version"`
			Token   struct{ S string } `json:":token"`
		} `json:"ExpressionAttributeValues"`
	}
	if err := json.Unmarshal(arguments, &in); err != nil {
		return TokenWrite{}, err
	}
	w.Tenant, w.OperationID, _ = strings.Cut(in.Key.PK.S, "#op#")
	w.Token = in.Values.Token.S
	w.Version, err = strconv.ParseInt(in.Values.Version.N, 10, 64)
	return w, err
}

// Failed returns a write's error with the name by which the state machine knows it.
func (TokenWrite) Failed(err error) error {
	switch {
	case errors.Is(err, store.ErrStale):
		return &NamedError{ErrCondition}
	case errors.Is(err, memory.ErrConflict):
		return &NamedError{ErrConflict}
	}
	return err
}

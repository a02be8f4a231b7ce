package keyring

import "adcp-orchestrator/pkg/store"

// State is the stored document, for tests of what is kept of it.
type State = state

// EncodeState writes a document as a refresh does.
func EncodeState(st State) ([]byte, error) { return st.encode() }

// DecodeState reads a document as a delivery does.
func DecodeState(body []byte, st *State) error {
	snap, err := readSnapshot(store.Document{Version: 1, Body: body})
	*st = snap.state
	return err
}

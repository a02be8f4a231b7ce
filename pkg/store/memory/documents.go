package memory

import (
	"context"
	"slices"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Keyring returns a sender's keyring, or store.ErrNotFound.
func (s *Store) Keyring(_ context.Context, tenant, sender string) (store.Document, error) {
	d, err := find(s, s.keyrings, id{tenant, sender})
	return cloneDocument(d), err
}

// PutKeyring stores a keyring, and what consumers are told of it, if the version before it is
// stored, or returns store.ErrStale.
func (s *Store) PutKeyring(_ context.Context, tenant, sender string, d store.Document,
	told ...notice.Notice) error {
	return s.putDocument(s.keyrings, id{tenant, sender}, layout.KeyringKey(tenant, sender), d, told)
}

// Circuit returns the circuit's document, or store.ErrNotFound.
func (s *Store) Circuit(_ context.Context, tenant, agentID string) (store.Document, error) {
	d, err := find(s, s.circuits, id{tenant, agentID})
	return cloneDocument(d), err
}

// PutCircuit stores a document, and what consumers are told of it, if the version before it is
// stored, or returns store.ErrStale.
func (s *Store) PutCircuit(_ context.Context, tenant, agentID string, d store.Document,
	told ...notice.Notice) error {
	at := layout.AgentKey(tenant, agentID, layout.SKCircuit)
	return s.putDocument(s.circuits, id{tenant, agentID}, at, d, told)
}

// putDocument stores a document, and what consumers are told of it, if the version before it is
// stored, or returns store.ErrStale.
func (s *Store) putDocument(documents map[id]store.Document, k id, at layout.Item, d store.Document,
	told []notice.Notice) error {
	if err := at.WithBody(d).Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if documents[k].Version != d.Version-1 {
		return store.ErrStale
	}
	if err := s.tell(told...); err != nil {
		return err
	}
	documents[k] = cloneDocument(d)
	return nil
}

func cloneDocument(d store.Document) store.Document {
	d.Body = slices.Clone(d.Body)
	return d
}

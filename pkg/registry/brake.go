package registry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// Brake is an operator's brake for one agent, whatever address it has: while it is on, no call and
// no poll leaves for the agent. Submissions are taken and wait, and webhooks are taken as ever.
type Brake struct {
	On bool `json:"on"`
	// At is when the brake was put on or taken off, Actor who did it, Reason why in their words.
	At      time.Time       `json:"at"`
	Actor   operation.Actor `json:"actor"`
	Reason  string          `json:"reason"`
	Unknown string          `json:"-" document:"unknown"`
}

// BrakeStore keeps brakes.
type BrakeStore interface {
	// Brake returns an agent's brake, the zero one if none was ever put.
	Brake(ctx context.Context, tenant, agentID string) (Brake, error)
	// PutBrake stores an agent's brake if there is an entry of the agent, or returns
	// store.ErrNotFound.
	PutBrake(ctx context.Context, tenant, agentID string, b Brake) error
}

// SetBrake puts an agent's brake on, or takes it off, and returns it as it is then. One that is so
// already stays as it is: the first who paused an agent stays the one who did. It returns
// store.ErrNotFound.
//
// Nothing is signaled. What waits stands in the line of the agent's gate, and the reconciler looks
// at each line every minute: it gives slots at the agent's rate, so nobody comes in a herd.
func SetBrake(ctx context.Context, s BrakeStore, tenant, agentID string, b Brake) (Brake, error) {
	old, err := s.Brake(ctx, tenant, agentID)
	if err != nil {
		return old, err
	}
	if old.On == b.On && !old.At.IsZero() {
		return old, nil
	}
	if err := s.PutBrake(ctx, tenant, agentID, b); err != nil {
		return old, err
	}
	slog.WarnContext(ctx, "the agent's brake was set", "tenant", tenant, "agent_id", agentID, "on", b.On,
		"key_id", b.Actor.ID)
	return b, nil
}

// ErrVersion says that an entry has another version than the request was made for.
var ErrVersion = errors.New("the entry has another version")

package layout

import (
	"fmt"
	"time"

	"adcp-orchestrator/pkg/store"
)

// OpenShards is over how many items an agent's count of open operations is distributed. Each
// operation is counted in the transactions that begin and end it, and transactions on one item
// refuse each other, whether they change it or only check it.
const OpenShards = 16

// The attributes of an item of the count. A closed one belongs to an agent that was deleted, and
// counts no operation any more.
const (
	AttrOpen   = "n"
	AttrClosed = "closed"
)

// ClosedFor is how long the count of a deleted agent stays closed: much longer than a submission
// takes that has read the agent's entry before.
const ClosedFor = 24 * time.Hour

// OpenKey returns the key of an item of an agent's count of open operations.
func OpenKey(tenant, agentID string, shard int) Item {
	return Key(tenant, "open", agentID, fmt.Sprintf("%02d", shard))
}

// OpenShard is the item of its agent's count that counts an operation.
func OpenShard(operationID string) int { return store.Shard(operationID, OpenShards) }

// BrakeKey returns the key of an agent's brake.
func BrakeKey(tenant, agentID string) Item { return AgentKey(tenant, agentID, SKBrake) }

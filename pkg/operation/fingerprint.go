package operation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/gowebpki/jcs"

	"adcp-orchestrator/pkg/adcp"
)

// Fingerprint is the hexadecimal SHA-256 of the JCS of {task_type, status, value} (contract H4), or
// "" if the answer carries no value of its own.
func Fingerprint(task adcp.Task, a adcp.Answer) string {
	if len(a.Value) == 0 || a.Snapshot {
		return ""
	}
	raw, err := json.Marshal(struct {
		TaskType adcp.Task       `json:"task_type"`
		Status   adcp.Status     `json:"status"`
		Value    json.RawMessage `json:"value"`
	}{task, a.Status, a.Compared()})
	if err != nil {
		return ""
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

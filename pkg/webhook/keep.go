package webhook

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
)

var noWebhook = adcp.Webhook{}

// refuse answers a delivery that anybody may have sent, and keeps that it came.
func (c call) refuse(ctx context.Context, reply Reply, reason string) Reply {
	return c.quarantine(ctx, reply, c.record(reply, reason))
}

// keep answers an authentic delivery that is not applied, and keeps it.
func (c call) keep(ctx context.Context, reply Reply, reason string, w adcp.Webhook) Reply {
	q := c.record(reply, reason)
	q.Authentic, q.TaskID, q.Status = true, short(w.TaskID), short(string(w.Status))
	return c.quarantine(ctx, reply, q)
}

func (c call) record(reply Reply, reason string) inbox.Quarantined {
	sum := sha256.Sum256(c.d.Body)
	q := inbox.Quarantined{Tenant: c.op.Tenant, AgentID: c.op.AgentID, OperationID: c.op.ID, At: c.r.Now().UTC(), Code: reply.Code, Reason: reason,
		Digest: hex.EncodeToString(sum[:]), Size: len(c.d.Body), Header: map[string]string{}}
	for _, name := range harmless {
		if v := c.d.Header.Values(name); len(v) > 0 {
			q.Header[name] = short(v[0])
		}
	}
	return q
}

// quarantine stores first and answers then: if it can't be stored the sender has to come again, whatever the answer would have been.
func (c call) quarantine(ctx context.Context, reply Reply, q inbox.Quarantined) Reply {
	slog.WarnContext(ctx, "webhook quarantined", "operation", q.OperationID, "tenant", q.Tenant, "agent", q.AgentID, "code", q.Code, "reason", q.Reason,
		"authentic", q.Authentic)
	switch err := c.r.Apply.Quarantine(ctx, q); {
	case errors.Is(err, store.ErrFull):
		return Reply{Status: http.StatusTooManyRequests, Code: "too_many_deliveries", Detail: "too many deliveries for this operation that can't be applied"}
	case err != nil:
		return ourFault(ctx, err)
	}
	return reply
}

// harmless are the header fields that are kept of a quarantined delivery: none of them authenticates anybody.
var harmless = []string{"Content-Type", "Content-Digest", "Signature-Input", "User-Agent", HeaderTimestamp}

// longest is how much of a field from outside is kept.
const longest = 512

// short makes a text from outside fit to be kept and shown: cut at the first character that doesn't print, and at 512 bytes.
func short(s string) string { return httpsig.Printable(s, longest) }

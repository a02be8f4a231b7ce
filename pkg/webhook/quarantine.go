package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// quarantineUnverified records a delivery that anyone may have sent, and returns the reply. A flood
// of such deliveries is not counted exactly.
func (in inbound) quarantineUnverified(ctx context.Context, reply Reply, reason string) Reply {
	q := in.quarantineRecord(reply, reason)
	if !in.receiver.Strangers.shouldRecord(q) {
		return reply
	}
	got := in.quarantine(ctx, reply, q)
	if got.Code == reply.Code {
		in.receiver.Strangers.didRecord(q)
	}
	return got
}

// quarantineAuthentic records an authentic delivery that is not applied, and returns the reply.
func (in inbound) quarantineAuthentic(ctx context.Context, reply Reply, reason string, w adcp.Webhook) Reply {
	q := in.quarantineRecord(reply, reason)
	q.Authentic = true
	q.TaskID = shorten(w.TaskID)
	q.Status = shorten(string(w.Status))
	token := w.Token
	if token == "" {
		token, _ = singleHeader(in.delivery.Header, headerA2AToken)
	}
	q.Arrival = inbox.Arrival{
		Fingerprint: orchestrator.PayloadFingerprint(in.delivery.Body),
		TokenHash:   orchestrator.TokenHash(token),
	}
	if confidential, err := in.credentials(ctx); err == nil {
		confidential = append(confidential, in.token.Secret, w.Token, token)
		q.Body = inbox.WithoutSecrets(in.delivery.Body, in.op, confidential...)
	} else { // without them nobody knows what has to be taken out
		slog.WarnContext(ctx, "the body of a webhook is not kept", "operation_id", q.OperationID, "error", err)
	}
	return in.quarantine(ctx, reply, q)
}

// credentials are those that the operation's sender may have been given.
func (in inbound) credentials(ctx context.Context) ([]string, error) {
	if !in.op.Webhook.Mode.Shared() {
		return nil, nil
	}
	roots, err := in.receiver.Roots(ctx)
	credentials := make([]string, len(roots))
	for i, root := range roots {
		credentials[i] = inbox.WebhookCredential(root, in.op.Tenant, in.op.ID)
	}
	return credentials, err
}

func (in inbound) quarantineRecord(reply Reply, reason string) inbox.Quarantined {
	q := inbox.Quarantined{
		Tenant:      in.op.Tenant,
		AgentID:     in.op.AgentID,
		OperationID: in.op.ID,
		At:          in.receiver.Now().UTC(),
		Code:        reply.Code,
		Reason:      reason,
		Digest:      digest.Bytes(in.delivery.Body),
		Size:        len(in.delivery.Body),
		Header:      map[string]string{},
	}
	for _, name := range safeHeaders {
		if v := in.delivery.Header.Values(name); len(v) > 0 {
			q.Header[name] = shorten(v[0])
		}
	}
	return q
}

// quarantine stores the record before it returns the reply. If that fails, the sender has to send
// the delivery again, whatever the reply would have been.
func (in inbound) quarantine(ctx context.Context, reply Reply, q inbox.Quarantined) Reply {
	slog.WarnContext(ctx, "webhook quarantined", "operation_id", q.OperationID, "tenant", q.Tenant,
		"agent_id", q.AgentID, "code", q.Code, "reason", q.Reason, "authentic", q.Authentic)
	switch err := in.receiver.Apply.Quarantine(ctx, q); {
	case errors.Is(err, store.ErrFull):
		return Reply{
			Status: http.StatusTooManyRequests,
			Code:   "too_many_deliveries",
			Detail: "too many deliveries for this operation could not be applied",
		}
	case err != nil:
		return internalFailure(ctx, err)
	}
	return reply
}

// safeHeaders lists the header fields that a quarantine record keeps. None of them authenticates
// anyone.
var safeHeaders = []string{"Content-Type", "Content-Digest", "Signature-Input", "User-Agent", HeaderTimestamp}

// maxKept is how many bytes of an untrusted text a quarantine record keeps.
const maxKept = 512

// shorten makes an untrusted text safe to store and to show. It ends the text at the first
// unprintable character and at maxKept bytes.
func shorten(s string) string { return httpsig.Printable(s, maxKept) }

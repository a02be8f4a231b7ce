package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/operation"
)

// Store is what a digest reads. It may lag behind the last writes.
type Store interface {
	// NeedAttention counts the operations that somebody should look at by their tenants.
	NeedAttention(ctx context.Context) (byTenant map[string]int, err error)
	// List returns a page of a tenant's operations.
	List(ctx context.Context, tenant string, q operation.ListQuery) (operation.ListPage, error)
}

// Digest tells people once a day what still waits for somebody, each tenant's in a text of its own.
// The index of attention itself names the tenants: nobody needs a list of them, and a tenant for
// whom nothing waits costs nothing.
type Digest struct {
	Store  Store
	People endpoint.People
	Now    endpoint.Clock
}

// TypeDigest is the type of a digest, by which subscriptions can choose.
const TypeDigest = "digest"

const (
	maxLines = 20 // of a tenant; each costs a read
	maxPages = 10 // that are read for them
)

// Summary is what a run did.
type Summary struct {
	Tenants    int `json:"tenants"`
	Operations int `json:"operations"`
}

// Run publishes the digests. It can be repeated, and then publishes them again.
func (d Digest) Run(ctx context.Context) (s Summary, err error) {
	byTenant, err := d.Store.NeedAttention(ctx)
	if err != nil {
		return s, fmt.Errorf("attention: %w", err)
	}
	var faults []error
	for tenant, n := range byTenant {
		s.Tenants++
		s.Operations += n
		faults = append(faults, d.tell(ctx, tenant, n))
	}
	return s, errors.Join(faults...)
}

// tell publishes the digest of a tenant for whom n operations wait.
func (d Digest) tell(ctx context.Context, tenant string, n int) error {
	q := operation.ListQuery{Attention: true, Ascending: true, Limit: maxLines}
	var shown []operation.Operation
	for range maxPages {
		page, err := d.Store.List(ctx, tenant, q)
		if err != nil {
			return err
		}
		shown = append(shown, page.Items...)
		if q.After, q.Limit = page.Next, maxLines-len(shown); q.After == "" || q.Limit <= 0 {
			break
		}
	}
	if len(shown) == 0 {
		return nil // the index lagged behind
	}
	more := 0
	if len(shown) >= maxLines {
		more = max(0, n-len(shown))
	}
	return d.People.Publish(ctx, tenant, DigestOf(tenant, shown, more, d.Now()))
}

// DigestOf writes the digest of a tenant: those of its operations that need somebody, the oldest
// first, and how many more there are.
func DigestOf(tenant string, ops []operation.Operation, more int, now time.Time) endpoint.Text {
	var b strings.Builder
	what := fmt.Sprintf("%d operations need somebody", len(ops)+more)
	if len(ops)+more == 1 {
		what = "1 operation needs somebody"
	}
	fmt.Fprintf(&b, "%s.\n\n", what)
	for _, op := range ops {
		late := ""
		if !op.Deadline.IsZero() && now.After(op.Deadline) {
			late = ", overdue for " + rough(now.Sub(op.Deadline))
		}
		fmt.Fprintf(&b, "%s  %s, %s at %s: %s for %s%s\n", plain(op.ID), op.State, op.Type, plain(op.AgentID),
			strings.ReplaceAll(string(op.Attention.Reason), "_", " "), rough(now.Sub(op.Attention.Since)), late)
	}
	if more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	return endpoint.Text{Type: TypeDigest, Subject: subject(what, tenant), Body: b.String()}
}

// rough is a duration as people say it.
func rough(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours())/24)
	case d >= time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d min", max(0, int(d.Minutes())))
}

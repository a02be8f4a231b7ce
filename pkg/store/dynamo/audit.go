package dynamo

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/audit"
	"adcp-orchestrator/pkg/store/layout"
)

// AddAuditEvent stores an event of the audit log once.
func (s *Store) AddAuditEvent(ctx context.Context, e audit.Event) error {
	i, err := layout.AuditItem(e)
	if err != nil {
		return err
	}
	r := rewrite(i, nil)
	r.onCondition(absent, nil)
	err = s.update(ctx, r)
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return nil
	}
	return err
}

// AuditEvents lists a page of the audit log, the newest first.
func (s *Store) AuditEvents(ctx context.Context, tenant string, q audit.Query) ([]audit.Event, string, error) {
	part := layout.AuditQuery(tenant, q)
	return q.Page(func(after string, n int) ([]audit.Event, string, error) {
		part.Before = after
		items, next, err := s.listed(ctx, part, n)
		if err != nil {
			return nil, "", err
		}
		events, err := layout.ReadAuditEvents(items)
		return events, next, err
	})
}

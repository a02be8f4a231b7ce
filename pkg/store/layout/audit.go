package layout

import "adcp-orchestrator/pkg/audit"

// AuditKey returns the key of an event of the audit log.
func AuditKey(tenant, id string) Item { return Key(tenant, "audit", id, SKOnly) }

// AuditItem builds the item of an event of the audit log.
func AuditItem(e audit.Event) (Item, error) {
	return AuditKey(e.Tenant, e.ID).Until(e.At.Add(audit.KeepFor)).With(ListEntry(e.Tenant, KindAudit, e.At, e.ID)).
		WithDoc(e)
}

// AuditQuery is the part of the log that a query is about.
func AuditQuery(tenant string, q audit.Query) ListQuery {
	l := ListQuery{Tenant: tenant, Kind: KindAudit, Before: q.After}
	if !q.From.IsZero() {
		l.From = Timestamp(q.From)
	}
	if !q.To.IsZero() {
		l.To = Timestamp(q.To)
	}
	return l
}

// ReadAuditEvents reads events.
func ReadAuditEvents(items []Item) (all []audit.Event, err error) {
	for _, i := range items {
		e, err := ReadDoc[audit.Event](i)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

package layout

// ListQuery names a part of the list index: a tenant's items of a kind, the newest first.
type ListQuery struct {
	Tenant, Kind string
	// Before is the position of the item that the part begins after, "" for the newest.
	Before string
	// From and To bound the items by their creation, as Timestamps: from From on and before To; ""
	// does not bound.
	From, To string
}

// afterAll is above every position that begins with a time.
const afterAll = "~"

// Range returns the lowest and the highest position of the part. Both can be positions of items,
// but the one at Before or To is not in the part.
func (q ListQuery) Range() (lowest, below string) {
	below = afterAll
	for _, bound := range []string{q.Before, q.To} {
		if bound != "" && bound < below {
			below = bound
		}
	}
	return q.From, below
}

// Has reports whether an item is in the part.
func (q ListQuery) Has(i Item) bool {
	lowest, below := q.Range()
	at := i.Text(ListIndex.SK)
	return i.Text(ListIndex.PK) == ListPartition(q.Tenant, q.Kind) && at >= lowest && at < below
}

package memory

import (
	"slices"
	"strings"

	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// item returns the item of a partition that has one, or store.ErrNotFound. The caller holds the
// lock.
func (s *Store) item(k layout.Item) (layout.Item, error) {
	i, ok := s.items[k.Text("pk")]
	if !ok || i.Expired(s.now()) {
		return nil, store.ErrNotFound
	}
	return i, nil
}

// listed returns a page of what is listed, the newest first. The caller holds the lock.
func (s *Store) listed(q layout.ListQuery, limit int) (page []layout.Item, next string) {
	return pageOf(s, s.items, q, limit)
}

// pageOf returns a page of those items that a list has, the newest first. The caller holds the
// lock.
func pageOf[K comparable](s *Store, all map[K]layout.Item, q layout.ListQuery, limit int) (
	page []layout.Item, next string) {
	for _, i := range all {
		if q.Has(i) && !i.Expired(s.now()) {
			page = append(page, i)
		}
	}
	slices.SortFunc(page, func(a, b layout.Item) int {
		return strings.Compare(b.Text(layout.ListIndex.SK), a.Text(layout.ListIndex.SK))
	})
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].Text(layout.ListIndex.SK)
	}
	return page, next
}

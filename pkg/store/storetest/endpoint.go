package storetest

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/store"
)

func (s *suite) endpoint(id string) endpoint.Endpoint {
	return endpoint.Endpoint{Tenant: s.tenant, ID: id, URL: "https://example.com/" + id, State: endpoint.On,
		Types: []string{"operation.*"}, Secrets: []endpoint.Secret{{Generation: 1, RootID: "r", CreatedAt: Start}},
		FailsFrom: Start, CreatedAt: Start, UpdatedAt: Start, Version: 1}
}

func (s *suite) addEndpoint(t *testing.T, id string) endpoint.Endpoint {
	t.Helper()
	e := s.endpoint(id)
	must(t, s.AddEndpoint(t.Context(), e, "key-"+id, endpoint.Creation{Tenant: s.tenant, EndpointID: id,
		Fingerprint: "f", At: Start}))
	return e
}

func endpointsAreVersioned(t *testing.T, s *suite) {
	_, err := s.Endpoint(t.Context(), s.tenant, "we_1")
	want(t, err, store.ErrNotFound)
	e := s.addEndpoint(t, "we_1")
	got, err := s.Endpoint(t.Context(), s.tenant, "we_1")
	must(t, err)
	if !reflect.DeepEqual(got, e) {
		t.Errorf("got %+v, want %+v", got, e)
	}
	e.Version, e.URL = 2, "https://example.com/new"
	stored := race(t, 8, func(int) error { return s.PutEndpoint(background, e) }, isStale)
	if stored != 1 {
		t.Errorf("version 2 was stored %d times", stored)
	}
	want(t, s.PutEndpoint(t.Context(), e), store.ErrStale)
	must(t, s.DeleteEndpoint(t.Context(), s.tenant, "we_1"))
	want(t, s.DeleteEndpoint(t.Context(), s.tenant, "we_1"), store.ErrNotFound)
	e.Version = 3
	want(t, s.PutEndpoint(t.Context(), e), store.ErrStale)
	all, err := s.Endpoints(t.Context(), s.tenant)
	must(t, err)
	if len(all) != 0 {
		t.Errorf("after the deletion: %+v", all)
	}
}

func endpointIsMadeOncePerKey(t *testing.T, s *suite) {
	s.at.Store(Start.UnixNano())
	made := race(t, 8, func(i int) error {
		id := fmt.Sprintf("we_%d", i)
		return s.AddEndpoint(background, s.endpoint(id), "key", endpoint.Creation{Tenant: s.tenant, EndpointID: id,
			Fingerprint: "f", At: Start})
	}, isKeyTaken)
	all, err := s.Endpoints(t.Context(), s.tenant)
	must(t, err)
	c, err := s.Creation(t.Context(), s.tenant, "key")
	must(t, err)
	if made != 1 || len(all) != 1 || all[0].ID != c.EndpointID || c.Fingerprint != "f" || c.Tenant != s.tenant {
		t.Errorf("%d were made: %+v, of %+v", made, all, c)
	}
	s.at.Store(Start.Add(endpoint.KeyFor + 2*time.Second).UnixNano())
	_, err = s.Creation(t.Context(), s.tenant, "key")
	want(t, err, store.ErrNotFound)
	must(t, s.AddEndpoint(t.Context(), s.endpoint("we_later"), "key", endpoint.Creation{Tenant: s.tenant,
		EndpointID: "we_later", Fingerprint: "g", At: Start.Add(endpoint.KeyFor)}))
}

func endpointsHaveLimitedRoom(t *testing.T, s *suite) {
	made := race(t, endpoint.MaxEndpoints+5, func(i int) error {
		id := fmt.Sprintf("we_%02d", i)
		return s.AddEndpoint(background, s.endpoint(id), id, endpoint.Creation{Tenant: s.tenant, EndpointID: id, At: Start})
	}, isFull)
	all, err := s.Endpoints(t.Context(), s.tenant)
	must(t, err)
	if made != endpoint.MaxEndpoints || len(all) != made {
		t.Fatalf("%d were made, %d are stored", made, len(all))
	}
	must(t, s.DeleteEndpoint(t.Context(), s.tenant, all[0].ID))
	s.addEndpoint(t, "we_next")
	want(t, s.AddEndpoint(t.Context(), s.endpoint("we_more"), "more", endpoint.Creation{Tenant: s.tenant, At: Start}),
		store.ErrFull)
}

func healthIsKeptApart(t *testing.T, s *suite) {
	must(t, s.SetHealth(t.Context(), s.tenant, "we_none", true, Start))
	_, err := s.Endpoint(t.Context(), s.tenant, "we_none")
	want(t, err, store.ErrNotFound)
	e := s.addEndpoint(t, "we_1")
	read := func() endpoint.Endpoint {
		t.Helper()
		got, err := s.Endpoint(t.Context(), s.tenant, "we_1")
		must(t, err)
		return got
	}
	must(t, s.SetHealth(t.Context(), s.tenant, "we_1", false, Start.Add(time.Minute)))
	e.Version = 2 // no version counts health, and no change of the endpoint loses it
	must(t, s.PutEndpoint(t.Context(), e))
	if got := read(); !got.FailingSince.Equal(Start.Add(time.Minute)) || !got.LastSuccessAt.IsZero() || got.Version != 2 {
		t.Errorf("after a failure: %+v", got)
	}
	must(t, s.SetHealth(t.Context(), s.tenant, "we_1", true, Start.Add(time.Hour)))
	if got := read(); !got.FailingSince.IsZero() || !got.LastSuccessAt.Equal(Start.Add(time.Hour)) {
		t.Errorf("after a success: %+v", got)
	}
}

func probesAreClaimedByOne(t *testing.T, s *suite) {
	claim := func(at time.Time) bool {
		t.Helper()
		ok, err := s.ClaimProbe(background, s.tenant, "we_1", at)
		if err != nil {
			t.Error(err)
		}
		return ok
	}
	if claim(Start) {
		t.Error("claimed an attempt at no endpoint")
	}
	s.addEndpoint(t, "we_1")
	for n := range 3 {
		at := Start.Add(time.Duration(n) * endpoint.ProbeEvery)
		var claimed atomic.Int64
		race(t, 8, func(int) error {
			if claim(at) {
				claimed.Add(1)
			}
			return nil
		}, noError)
		if claimed.Load() != 1 || claim(at.Add(endpoint.ProbeEvery-time.Millisecond)) {
			t.Errorf("%d claimed", claimed.Load())
		}
	}
}

func (s *suite) webhookDelivery(n int) endpoint.Delivery {
	at := Start.Add(time.Duration(n) * time.Second)
	return endpoint.Delivery{Tenant: s.tenant, EndpointID: "we_1", ID: endpoint.DeliveryID("we_1", fmt.Sprint(n), at),
		NoticeID: fmt.Sprint(n), Type: "operation.completed", NoticeAt: at, State: endpoint.Pending, Round: 1, QueuedAt: at,
		NextAt: at, Version: 1, Body: []byte(`{"n": 1}`)}
}

func deliveriesAreVersioned(t *testing.T, s *suite) {
	d := s.webhookDelivery(1)
	if added := race(t, 8, func(int) error { return s.AddDelivery(background, d) }, isStale); added != 1 {
		t.Errorf("added %d times", added)
	}
	got, err := s.WebhookDelivery(t.Context(), s.tenant, "we_1", d.ID)
	must(t, err)
	if !reflect.DeepEqual(got, d) {
		t.Errorf("got %+v, want %+v", got, d)
	}
	d.Version, d.State = 2, endpoint.Delivered
	if stored := race(t, 8, func(int) error { return s.PutDelivery(background, d) }, isStale); stored != 1 {
		t.Errorf("version 2 was stored %d times", stored)
	}
	s.at.Store(d.ExpiresAt().Add(2 * time.Second).UnixNano())
	_, err = s.WebhookDelivery(t.Context(), s.tenant, "we_1", d.ID)
	want(t, err, store.ErrNotFound)
	page, _, err := s.ListDeliveries(t.Context(), s.tenant, "we_1", "", "", 10)
	must(t, err)
	if len(page) != 0 {
		t.Errorf("expired, and listed: %+v", page)
	}
}

func deliveriesAreListedNewestFirst(t *testing.T, s *suite) {
	const count = 7
	for n := range count {
		d := s.webhookDelivery(n)
		if n%3 == 0 {
			d.State = endpoint.Dead
		}
		must(t, s.AddDelivery(t.Context(), d))
	}
	list := func(state endpoint.DeliveryState, limit int) (ids []string, pages int) {
		t.Helper()
		for before := ""; ; pages++ {
			page, next, err := s.ListDeliveries(t.Context(), s.tenant, "we_1", state, before, limit)
			must(t, err)
			if len(page) > limit || pages > count {
				t.Fatalf("page %d has %d", pages, len(page))
			}
			for _, d := range page {
				ids = append(ids, d.NoticeID)
			}
			if before = next; next == "" {
				return ids, pages + 1
			}
		}
	}
	if ids, _ := list("", 3); fmt.Sprint(ids) != "[6 5 4 3 2 1 0]" {
		t.Errorf("all: %v", ids)
	}
	// A page looks at no more than its limit, whatever it finds.
	if ids, pages := list(endpoint.Dead, 2); fmt.Sprint(ids) != "[6 3 0]" || pages < count/2 {
		t.Errorf("dead: %v in %d pages", ids, pages)
	}
}

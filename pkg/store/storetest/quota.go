package storetest

import (
	"context"
	"testing"
	"time"

	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// take requests tokens of a bucket of 10, which gets 5 a second.
func (s *suite) take(bucket string, tokens int) quota.Take {
	now := time.Unix(0, s.at.Load()).UTC()
	return quota.Take{Tenant: s.tenant, Bucket: bucket, Now: now, Tokens: tokens, Interval: time.Second / 5, Burst: 10}
}

func (s *suite) mustTake(t *testing.T, take quota.Take) quota.Taken {
	t.Helper()
	taken, err := s.TakeTokens(t.Context(), take)
	must(t, err)
	return taken
}

func tokensComeAtTheirRate(t *testing.T, s *suite) {
	var last time.Time
	for i := range 10 {
		take := s.take("requests", 1)
		take.Last = last
		taken := s.mustTake(t, take)
		if last = taken.FullAt; !taken.OK {
			t.Fatalf("token %d of a full bucket of 10 was refused: %+v", i+1, taken)
		}
	}
	for _, tokens := range []int{1, 3} { // a refusal changes nothing
		taken := s.mustTake(t, s.take("requests", tokens))
		if taken.OK || taken.Full || taken.Wait != time.Duration(tokens)*time.Second/5 || !taken.FullAt.Equal(last) {
			t.Errorf("an empty bucket answers %+v to %d", taken, tokens)
		}
	}
	s.at.Add(int64(time.Second / 5))
	if taken := s.mustTake(t, s.take("requests", 2)); taken.OK || taken.Wait != time.Second/5 {
		t.Errorf("two of one token: %+v", taken)
	}
	if taken := s.mustTake(t, s.take("requests", 1)); !taken.OK {
		t.Errorf("no token after its time: %+v", taken)
	}
	s.at.Add(int64(time.Hour)) // a bucket does not hold more than its burst
	if taken := s.mustTake(t, s.take("requests", 11)); taken.OK {
		t.Error("11 tokens of a bucket of 10")
	}
	if taken := s.mustTake(t, s.take("requests", 10)); !taken.OK {
		t.Errorf("a full bucket: %+v", taken)
	}
}

// A guess about the bucket that is wrong costs a write, and nothing else.
func wrongGuessesOfABucketAreHarmless(t *testing.T, s *suite) {
	take := s.take("requests", 1)
	take.Last = take.Now.Add(time.Hour) // there is no bucket yet
	first := s.mustTake(t, take)
	if !first.OK || !first.FullAt.Equal(take.Now.Add(time.Second/5)) {
		t.Errorf("a new bucket: %+v", first)
	}
	second := s.mustTake(t, s.take("requests", 1)) // Last is zero: the bucket is said to be full
	if !second.OK || !second.FullAt.Equal(first.FullAt.Add(time.Second/5)) {
		t.Errorf("%+v after %+v", second, first)
	}
}

func bucketsAreSeparate(t *testing.T, s *suite) {
	if taken := s.mustTake(t, s.take("requests", 10)); !taken.OK {
		t.Fatalf("%+v", taken)
	}
	other := s.take("requests", 10)
	other.Tenant += "x"
	for _, take := range []quota.Take{other, s.take("deliveries#a", 10), s.take("deliveries#b", 10)} {
		if taken := s.mustTake(t, take); !taken.OK {
			t.Errorf("%s of %s is empty: %+v", take.Bucket, take.Tenant, taken)
		}
	}
}

// No token is given twice or lost, however many processes take at once.
func tokensAreGivenOnce(t *testing.T, s *suite) {
	const writers, each = 16, 5
	given := make([]int, writers)
	race(t, writers, func(i int) error {
		var last time.Time
		for range each {
			take := s.take("requests", 1)
			take.Burst, take.Last = writers*each-7, last
			taken, err := s.TakeTokens(background, take)
			if err != nil {
				return err
			}
			if last = taken.FullAt; taken.OK {
				given[i]++
			}
		}
		return nil
	}, noError)
	total := 0
	for _, n := range given {
		total += n
	}
	if total != writers*each-7 {
		t.Errorf("%d of %d tokens were given", total, writers*each-7)
	}
}

func openOperationsAreLimited(t *testing.T, s *suite) {
	open := func(tokens int) quota.Take {
		take := s.take(quota.SubmissionsBucket, tokens)
		take.Burst, take.MaxOpen, take.FreshAfter = 1000, 5, take.Now.Add(-15*time.Minute)
		return take
	}
	if taken := s.mustTake(t, open(4)); !taken.OK {
		t.Fatalf("4 of 5: %+v", taken)
	}
	if taken := s.mustTake(t, open(2)); taken.OK || !taken.Full {
		t.Errorf("6 of 5: %+v", taken)
	}
	if taken := s.mustTake(t, open(1)); !taken.OK {
		t.Errorf("5 of 5: %+v", taken)
	}
	if taken := s.mustTake(t, open(1)); taken.OK || !taken.Full {
		t.Errorf("6 of 5: %+v", taken)
	}
	// A recount corrects the count; an older one does not.
	s.at.Add(int64(time.Minute))
	now := time.Unix(0, s.at.Load()).UTC()
	must(t, s.SetOpen(t.Context(), s.tenant, 3, now))
	must(t, s.SetOpen(t.Context(), s.tenant, 5, now.Add(-time.Second)))
	if taken := s.mustTake(t, open(2)); !taken.OK {
		t.Errorf("5 of 5 after a recount: %+v", taken)
	}
	if taken := s.mustTake(t, open(1)); taken.OK || !taken.Full {
		t.Errorf("6 of 5 after a recount: %+v", taken)
	}
	// A count that nobody corrects refuses nothing.
	s.at.Add(int64(16 * time.Minute))
	if taken := s.mustTake(t, open(1)); !taken.OK {
		t.Errorf("an old count refuses: %+v", taken)
	}
	// A recount of a tenant that has no bucket makes one.
	other := open(1)
	other.Tenant += "x"
	must(t, s.SetOpen(t.Context(), other.Tenant, 5, other.Now))
	if taken := s.mustTake(t, other); taken.OK || !taken.Full {
		t.Errorf("a tenant with 5 of 5: %+v", taken)
	}
}

func openOperationsAreCountedByTenant(t *testing.T, s *suite) {
	a := s.create(t, "op_a")
	s.create(t, "op_b")
	count := func(want int64) {
		t.Helper()
		open, err := s.CountOpen(t.Context())
		must(t, err)
		if open[s.tenant] != want || open[s.tenant+"x"] != 0 {
			t.Errorf("counted %d, want %d", open[s.tenant], want)
		}
	}
	count(2)
	change := next(a)
	change.Op.DueAt = time.Time{}
	must(t, s.Commit(t.Context(), change))
	count(1)
}

func agentsHaveLimitedRoom(t *testing.T, s *suite) {
	const limit, writers = 5, 16
	agent := func(id string) registry.Agent {
		return registry.Agent{Tenant: s.tenant, ID: id, URL: "https://s.example/mcp", Version: 1}
	}
	stored := race(t, writers, func(i int) error {
		return s.AddAgent(context.Background(), agent(string(rune('a'+i))), limit)
	}, isFull)
	n, err := s.CountAgents(t.Context(), s.tenant)
	must(t, err)
	if stored != limit || n != limit {
		t.Errorf("%d agents were added and %d counted, want %d", stored, n, limit)
	}
	must(t, s.PutAgent(t.Context(), agent("unlimited"))) // counts as well
	n, err = s.CountAgents(t.Context(), s.tenant)
	must(t, err)
	if n != limit+1 {
		t.Errorf("%d agents, want %d", n, limit+1)
	}
	want(t, s.AddAgent(t.Context(), agent("unlimited"), 100), store.ErrStale)
	second := agent("unlimited")
	second.Version = 2
	must(t, s.PutAgent(t.Context(), second)) // does not count
	n, err = s.CountAgents(t.Context(), s.tenant)
	must(t, err)
	if n != limit+1 {
		t.Errorf("%d agents after a change, want %d", n, limit+1)
	}
}

package dynamo_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store/dynamo"
)

// A write to a bucket adds to what is stored, and a failed one shows it. So a token costs one write
// with the right guess, two with a wrong one, and a refusal never a third.
func TestTokensCostOneOrTwoWrites(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	stored := func(fullIn time.Duration) error {
		n := strconv.FormatInt(now.Add(fullIn).UnixNano(), 10)
		return &types.ConditionalCheckFailedException{Item: attributes{"full_at": &types.AttributeValueMemberN{Value: n}}}
	}
	for name, tc := range map[string]struct {
		last    time.Duration // what the process knows of the bucket
		answers []error
		writes  int
		taken   bool
		failed  bool
	}{
		"full, as guessed":                    {0, []error{nil}, 1, true, false},
		"in use, as guessed":                  {time.Second, []error{nil}, 1, true, false},
		"in use, guessed to be full":          {0, []error{stored(time.Second), nil}, 2, true, false},
		"full, guessed to be in use":          {time.Second, []error{stored(-time.Second), nil}, 2, true, false},
		"empty, guessed to be full":           {0, []error{stored(10 * time.Second)}, 1, false, false},
		"empty, as guessed":                   {time.Second, []error{stored(10 * time.Second)}, 1, false, false},
		"another took the last, at that time": {0, []error{stored(time.Second), stored(10 * time.Second)}, 2, false, false},
		"changing each time":                  {0, []error{stored(time.Second)}, 4, false, true},
		"a table that throttles": {
			0, []error{&types.ProvisionedThroughputExceededException{}}, 1, false, true,
		},
	} {
		api := &fakeAPI{answers: tc.answers}
		s := dynamo.New(api, "table", func() time.Time { return now })
		got, err := s.TakeTokens(t.Context(), quota.Take{Tenant: "acme", Bucket: "requests", Now: now, Tokens: 1,
			Interval: time.Second, Burst: 10, Last: now.Add(tc.last)})
		if got.OK != tc.taken || (err != nil) != tc.failed || api.calls != tc.writes {
			t.Errorf("%s: %+v, %v after %d writes, want %+v", name, got, err, api.calls, tc)
		}
	}
}

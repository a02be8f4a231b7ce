package dynamo_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
)

var nonce = inbox.Nonce{Tenant: "t", Sender: "s", KeyID: "k", Value: "n"}

func TestClaimNonceIsOneTransaction(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers []error
		calls   int
		want    error
	}{
		"claimed":                         {[]error{nil}, 1, nil},
		"seen":                            {[]error{canceled(conditionFailed, none)}, 1, store.ErrNonceSeen},
		"full":                            {[]error{canceled(none, conditionFailed)}, 1, store.ErrFull},
		"seen and full":                   {[]error{canceled(conditionFailed, conditionFailed)}, 1, store.ErrNonceSeen},
		"seen, a conflict at the counter": {[]error{canceled(conditionFailed, conflict)}, 1, store.ErrNonceSeen},
		"throttled, then claimed":         {[]error{canceled(none, throttled), nil}, 2, nil},
		"a conflict, then full": {
			[]error{canceled(conflict, none), canceled(none, conditionFailed)}, 2, store.ErrFull,
		},
		"a fault": {[]error{errors.ErrUnsupported}, 1, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{answers: tc.answers}
			err := dynamo.New(api, "table", time.Now).ClaimNonce(t.Context(), nonce, time.Now(), 100)
			if !errors.Is(err, tc.want) || api.calls != tc.calls {
				t.Errorf("%d calls, error %v", api.calls, err)
			}
		})
	}
}

// The table deletes nonces and counters by their TTL, and must not delete what is still needed.
func TestTTLOfNoncesAndCounters(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0) // 120 s into a window of 420
	api := &fakeAPI{answers: []error{nil}}
	s := dynamo.New(api, "table", func() time.Time { return now })
	if err := s.ClaimNonce(t.Context(), nonce, now.Add(time.Second/2), 100); err != nil {
		t.Fatal(err)
	}
	ttl := func(i attributes, name string) string { return i[name].(*types.AttributeValueMemberN).Value }
	gotNonce := ttl(api.items[0].Put.Item, "ttl")
	gotCounter := ttl(api.items[1].Update.ExpressionAttributeValues, ":ttl")
	if gotNonce != "1800000001" || gotCounter != "1800000720" {
		t.Errorf("the nonce is deleted at %s, its counter at %s", gotNonce, gotCounter)
	}
}

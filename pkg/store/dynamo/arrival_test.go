package dynamo_test

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var signed = inbox.DeliveryQuery{Route: inbox.CallbackToken{Tenant: "t", Sender: "s", OperationID: "op_1"}, KeyID: "k", Nonce: "n"}

// kind is the kind of a key that was asked for.
func kind(key map[string]types.AttributeValue) string {
	return strings.Split(key["pk"].(*types.AttributeValueMemberS).Value, "#")[1]
}

// stored answers with an item for each key, as if everything was there.
func stored(keys []map[string]types.AttributeValue) map[string][]map[string]types.AttributeValue {
	var items []map[string]types.AttributeValue
	for _, k := range keys {
		items = append(items, map[string]types.AttributeValue{"pk": k["pk"], "sk": k["sk"], "doc": &types.AttributeValueMemberS{Value: `{"id":"op_1"}`},
			"version": &types.AttributeValueMemberN{Value: "7"}, "ttl": &types.AttributeValueMemberN{Value: "99999999999"},
			"n": &types.AttributeValueMemberN{Value: "99999999999"}})
	}
	slices.Reverse(items) // their order is the table's business
	return map[string][]map[string]types.AttributeValue{"table": items}
}

func TestArriveIsOneRequest(t *testing.T) {
	t.Parallel()
	keyOnly, bare := signed, signed
	keyOnly.Nonce = ""
	bare.KeyID, bare.Nonce = "", ""
	for want, arriving := range map[string]inbox.DeliveryQuery{"op keyring nonce nonces": signed, "op keyring": keyOnly, "op": bare} {
		api := &scripted{batch: func(_ int, asked types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error) {
			var kinds []string
			for _, k := range asked.Keys {
				kinds = append(kinds, kind(k))
			}
			if got := strings.Join(kinds, " "); got != want || !aws.ToBool(asked.ConsistentRead) {
				t.Errorf("asked for %s, consistently: %v; want %s", got, aws.ToBool(asked.ConsistentRead), want)
			}
			return &dynamodb.BatchGetItemOutput{Responses: stored(asked.Keys)}, nil
		}}
		got, err := dynamo.New(api, "table", time.Now).LoadDelivery(t.Context(), arriving)
		if err != nil || api.calls != 1 {
			t.Fatalf("%d calls, error %v", api.calls, err)
		}
		all := want == "op keyring nonce nonces"
		if got.Operation.Version != 7 || (got.Keyring.Version == 7) != (want != "op") || got.NonceSeen != all || got.NonceFull != all {
			t.Errorf("asked for %s and got %+v", want, got)
		}
	}
}

func TestWhatABatchLeavesUnreadIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leave := func(asked types.KeysAndAttributes, n int) *dynamodb.BatchGetItemOutput {
			read := len(asked.Keys) - n
			return &dynamodb.BatchGetItemOutput{Responses: stored(asked.Keys[:read]),
				UnprocessedKeys: map[string]types.KeysAndAttributes{"table": {Keys: asked.Keys[read:], ConsistentRead: asked.ConsistentRead}}}
		}
		api := &scripted{batch: func(call int, asked types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error) {
			if len(asked.Keys) != 5-call || !aws.ToBool(asked.ConsistentRead) {
				t.Errorf("call %d asks for %d keys, consistently: %v", call, len(asked.Keys), aws.ToBool(asked.ConsistentRead))
			}
			return leave(asked, 4-call), nil // one item at a time
		}}
		got, err := dynamo.New(api, "table", time.Now).LoadDelivery(t.Context(), signed)
		if err != nil || api.calls != 4 || got.Operation.ID != "op_1" || got.Keyring.Version != 7 || !got.NonceSeen || !got.NonceFull {
			t.Errorf("after %d calls: %+v, %v", api.calls, got, err)
		}

		began := time.Now()
		api = &scripted{batch: func(_ int, asked types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error) {
			return leave(asked, len(asked.Keys)), nil
		}}
		if _, err := dynamo.New(api, "table", time.Now).LoadDelivery(t.Context(), signed); err == nil || api.calls != 13 || time.Since(began) > 4*time.Second {
			t.Errorf("a table that reads nothing was asked %d times in %v: %v", api.calls, time.Since(began), err)
		}

		throttled := &types.ThrottlingException{}
		api = &scripted{batch: func(int, types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error) { return nil, throttled }}
		if _, err := dynamo.New(api, "table", time.Now).LoadDelivery(t.Context(), signed); !errors.Is(err, throttled) || api.calls != 1 {
			t.Errorf("throttled after the client's own retries: %d calls, %v", api.calls, err)
		}
	})
}

func TestClaimNonceIsOneTransaction(t *testing.T) {
	t.Parallel()
	const failed, none = "ConditionalCheckFailed", "None"
	for name, tc := range map[string]struct {
		answers []error
		calls   int
		want    error
	}{
		"claimed":                     {[]error{nil}, 1, nil},
		"seen":                        {[]error{cancelled(failed, none)}, 1, store.ErrNonceSeen},
		"full":                        {[]error{cancelled(none, failed)}, 1, store.ErrFull},
		"seen and full":               {[]error{cancelled(failed, failed)}, 1, store.ErrNonceSeen},
		"seen, the counter is locked": {[]error{cancelled(failed, "TransactionConflict")}, 1, store.ErrNonceSeen},
		"throttled, then claimed":     {[]error{cancelled(none, "ThrottlingError"), nil}, 2, nil},
		"in the way, then full":       {[]error{cancelled("TransactionConflict", none), cancelled(none, failed)}, 2, store.ErrFull},
		"a fault":                     {[]error{errors.ErrUnsupported}, 1, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &scripted{answers: tc.answers}
			n := inbox.Nonce{Tenant: "t", Sender: "s", KeyID: "k", Value: "n"}
			err := dynamo.New(api, "table", time.Now).ClaimNonce(t.Context(), n, time.Now(), 100)
			if !errors.Is(err, tc.want) || api.calls != tc.calls {
				t.Errorf("%d calls, error %v", api.calls, err)
			}
		})
	}
}

// The table deletes by these times alone: never what is still looked at.
func TestNoncesAreDeletedWhenNobodyAsksForThem(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0) // 120 s into a window of 420
	api := &scripted{answers: []error{nil}}
	n := inbox.Nonce{Tenant: "t", Sender: "s", KeyID: "k", Value: "n"}
	if err := dynamo.New(api, "table", func() time.Time { return now }).ClaimNonce(t.Context(), n, now.Add(time.Second/2), 100); err != nil {
		t.Fatal(err)
	}
	ttl := func(i map[string]types.AttributeValue, name string) string {
		return i[name].(*types.AttributeValueMemberN).Value
	}
	nonce, counter := ttl(api.items[0].Put.Item, "ttl"), ttl(api.items[1].Update.ExpressionAttributeValues, ":ttl")
	if nonce != "1800000001" || counter != "1800000720" {
		t.Errorf("the nonce is deleted at %s, its counter at %s", nonce, counter)
	}
}

func TestQuarantineTakesTheCheapestWrite(t *testing.T) {
	t.Parallel()
	const failed, none = "ConditionalCheckFailed", "None"
	missing, inTheWay := &types.ConditionalCheckFailedException{}, &types.TransactionConflictException{}
	for name, tc := range map[string]struct {
		authentic bool
		answers   []error
		wrote     string
		want      error
	}{
		"refused":                 {false, []error{nil}, "update", nil},
		"again":                   {true, []error{nil}, "update", nil},
		"first":                   {true, []error{missing, nil}, "update transact", nil},
		"full":                    {true, []error{missing, cancelled(none, failed)}, "update transact", store.ErrFull},
		"kept between":            {true, []error{missing, cancelled(failed, none), nil}, "update transact update", nil},
		"kept between, then full": {true, []error{missing, cancelled(failed, failed), nil}, "update transact update", nil},
		"being kept":              {true, []error{inTheWay, inTheWay, nil}, "update update update", nil},
		"throttled":               {true, []error{missing, cancelled(none, "ThrottlingError"), nil}, "update transact transact", nil},
		"a fault":                 {false, []error{errors.ErrUnsupported}, "update", errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &scripted{answers: tc.answers}
			err := dynamo.New(api, "table", time.Now).Quarantine(t.Context(), inbox.Quarantined{Tenant: "t", OperationID: "op_1", Authentic: tc.authentic})
			if wrote := strings.Join(api.wrote, " "); !errors.Is(err, tc.want) || wrote != tc.wrote {
				t.Errorf("wrote %s, error %v", wrote, err)
			}
		})
	}
}

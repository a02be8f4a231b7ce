package dynamo_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store/dynamo"
)

var signed = inbox.DeliveryQuery{
	Token: inbox.CallbackToken{Tenant: "t", Sender: "s", OperationID: "op_1"},
	KeyID: "k",
	Nonce: "n",
}

// kinds lists the kinds of the requested keys.
func kinds(keys []attributes) string {
	var kinds []string
	for _, k := range keys {
		kinds = append(kinds, strings.Split(k["pk"].(*types.AttributeValueMemberS).Value, "#")[1])
	}
	return strings.Join(kinds, " ")
}

func TestLoadDeliveryIsOneRequest(t *testing.T) {
	t.Parallel()
	keyOnly, unsigned := signed, signed
	keyOnly.Nonce = ""
	unsigned.KeyID, unsigned.Nonce = "", ""
	for want, query := range map[string]inbox.DeliveryQuery{
		"op keyring nonce nonces": signed,
		"op keyring":              keyOnly,
		"op":                      unsigned,
	} {
		api := &fakeAPI{batch: func(_ int, request types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error) {
			if got := kinds(request.Keys); got != want || !aws.ToBool(request.ConsistentRead) {
				t.Errorf("read %s, consistently: %v; want %s", got, aws.ToBool(request.ConsistentRead), want)
			}
			return &dynamodb.BatchGetItemOutput{Responses: found(request.Keys)}, nil
		}}
		got, err := dynamo.New(api, "table", time.Now).LoadDelivery(t.Context(), query)
		if err != nil || api.calls != 1 {
			t.Fatalf("%d calls, error %v", api.calls, err)
		}
		all := want == "op keyring nonce nonces"
		if got.Operation.Version != 7 || (got.Keyring.Version == 7) != (want != "op") ||
			got.NonceSeen != all || got.NonceFull != all {
			t.Errorf("read %s and got %+v", want, got)
		}
	}
}

// leaveUnread answers a batch but for its last n keys.
func leaveUnread(request types.KeysAndAttributes, n int) *dynamodb.BatchGetItemOutput {
	read := len(request.Keys) - n
	rest := types.KeysAndAttributes{Keys: request.Keys[read:], ConsistentRead: request.ConsistentRead}
	return &dynamodb.BatchGetItemOutput{
		Responses:       found(request.Keys[:read]),
		UnprocessedKeys: map[string]types.KeysAndAttributes{"table": rest},
	}
}

func TestUnreadKeysAreReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeAPI{batch: func(call int, request types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error) {
			if len(request.Keys) != 5-call || !aws.ToBool(request.ConsistentRead) {
				t.Errorf("call %d reads %d keys, consistently: %v", call, len(request.Keys), aws.ToBool(request.ConsistentRead))
			}
			return leaveUnread(request, 4-call), nil // one item at a time
		}}
		got, err := dynamo.New(api, "table", time.Now).LoadDelivery(t.Context(), signed)
		if err != nil || api.calls != 4 || got.Operation.ID != "op_1" || got.Keyring.Version != 7 ||
			!got.NonceSeen || !got.NonceFull {
			t.Errorf("after %d calls: %+v, %v", api.calls, got, err)
		}
	})
}

func TestReadingEndsWhenKeysStayUnread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		api := &fakeAPI{batch: func(_ int, request types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error) {
			return leaveUnread(request, len(request.Keys)), nil
		}}
		_, err := dynamo.New(api, "table", time.Now).LoadDelivery(t.Context(), signed)
		if err == nil || api.calls != 13 || time.Since(began) > 4*time.Second {
			t.Errorf("%d calls in %v: %v", api.calls, time.Since(began), err)
		}
	})
}

// The SDK's client has already retried a throttled request.
func TestThrottledReadIsNotRetried(t *testing.T) {
	t.Parallel()
	cause := &types.ThrottlingException{}
	api := &fakeAPI{batch: func(int, types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error) {
		return nil, cause
	}}
	_, err := dynamo.New(api, "table", time.Now).LoadDelivery(t.Context(), signed)
	if !errors.Is(err, cause) || api.calls != 1 {
		t.Errorf("%d calls, %v", api.calls, err)
	}
}

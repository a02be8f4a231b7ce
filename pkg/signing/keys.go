package signing

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"adcp-orchestrator/pkg/httpsig"
)

// Keys are our signing keys. The first signs; all are published. A rotation puts a new key first and leaves the old one in for as long as agents may hold
// requests that it has signed, or a key set without the new one.
type Keys []*Key

// New returns the keys of these KMS key ids or ARNs. The client is made when the first key is used: most calls of agents need none, and all wait for a start.
func New(client func() API, ids []string) Keys {
	keys, api := make(Keys, len(ids)), sync.OnceValue(client)
	for i, id := range ids {
		keys[i] = &Key{api: api, id: id}
	}
	return keys
}

// FromConfig returns the keys of these KMS key ids or ARNs, with a client that is made when the first key is used.
func FromConfig(c func() aws.Config, ids []string) Keys {
	return New(func() API { return kms.NewFromConfig(c()) }, ids)
}

// IDs reads a comma-separated list of key ids, nil if there is none in it.
func IDs(list string) []string {
	var ids []string
	for id := range strings.SplitSeq(list, ",") {
		if id = strings.TrimSpace(id); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Identity returns the key that signs. Its public half is asked of KMS the first time.
func (k Keys) Identity(ctx context.Context) (httpsig.Identity, error) {
	if len(k) == 0 {
		return httpsig.Identity{}, errors.New("there is no signing key")
	}
	public, err := k[0].Public(ctx)
	return httpsig.Identity{Key: public, Signer: k[0]}, err
}

// Set is a JSON Web Key Set.
type Set struct {
	Keys []httpsig.JWK `json:"keys"`
}

// Published returns the public halves of all keys. A key that is disabled, or about to be deleted, is left out: whoever does that to a key that leaked
// wants it believed no more, and the others have to stay in force. Any other failure is one of the whole set: a set without a key that signs would make
// agents refuse honest requests.
func (k Keys) Published(ctx context.Context) (Set, error) {
	set := Set{Keys: []httpsig.JWK{}}
	for _, key := range k {
		public, err := key.Public(ctx)
		if withdrawn(err) {
			slog.WarnContext(ctx, "a signing key is not published", "key", key.id, "error", err)
			continue
		}
		if err != nil {
			return Set{}, err
		}
		// Two names of one key: a set that has an id twice is invalid (contract F55).
		if !slices.ContainsFunc(set.Keys, func(j httpsig.JWK) bool { return j.KID == public.KID }) {
			set.Keys = append(set.Keys, public)
		}
	}
	return set, nil
}

// withdrawn reports whether KMS says that a key is not to be used any more.
func withdrawn(err error) bool {
	_, disabled := errors.AsType[*types.DisabledException](err)
	_, ending := errors.AsType[*types.KMSInvalidStateException](err)
	return disabled || ending
}

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

// Keys holds the signing keys. The first one signs; all are published. A rotation puts a new key
// first and keeps the old one while agents may hold requests that it has signed, or a key set
// without the new one.
type Keys []*Key

// New returns the keys with these KMS key ids or ARNs. It makes the client when a key is first
// used: most calls of agents need none, and making it slows every cold start.
func New(client func() API, ids []string) Keys {
	keys, api := make(Keys, len(ids)), sync.OnceValue(client)
	for i, id := range ids {
		keys[i] = &Key{api: api, id: id}
	}
	return keys
}

// FromConfig is New with an AWS configuration, which it also reads when a key is first used.
func FromConfig(c func() aws.Config, ids []string) Keys {
	return New(func() API { return kms.NewFromConfig(c()) }, ids)
}

// IDs parses a comma-separated list of key ids and drops duplicates. It returns nil for an empty
// list.
func IDs(list string) []string {
	var ids []string
	for id := range strings.SplitSeq(list, ",") {
		if id = strings.TrimSpace(id); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Identity returns the key that signs, with its public half. The first call reads that from KMS.
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

// Published returns the public halves of all keys. It leaves out a key that is disabled or
// scheduled for deletion: an operator does that to a leaked key, which agents must no longer trust
// while the other keys stay valid. Any other failure fails the whole set: in a set without the
// signing key, agents would refuse honest requests.
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
		// One key can have two names in KMS. A set with a duplicate id is invalid (contract F55).
		if !slices.ContainsFunc(set.Keys, func(j httpsig.JWK) bool { return j.KID == public.KID }) {
			set.Keys = append(set.Keys, public)
		}
	}
	return set, nil
}

// withdrawn reports whether KMS refused because the key is disabled or scheduled for deletion.
func withdrawn(err error) bool {
	_, disabled := errors.AsType[*types.DisabledException](err)
	_, ending := errors.AsType[*types.KMSInvalidStateException](err)
	return disabled || ending
}

// Package secretsmanager reads secrets from AWS Secrets Manager and caches them for a minute.
package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"adcp-orchestrator/pkg/lru"
)

// API is the part of Secrets Manager's client that Manager uses.
type API interface {
	GetSecretValue(
		context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options),
	) (*secretsmanager.GetSecretValueOutput, error)
}

// cacheFor is how long a value is cached: a rotated secret is in use everywhere after a minute.
// maxSecrets and maxSecretBytes are how many are cached: tenants name the secrets of their agents,
// and each can have 64 KB.
const (
	cacheFor       = time.Minute
	maxSecrets     = 256
	maxSecretBytes = 1 << 20
)

// Manager reads secrets by name or ARN.
type Manager struct {
	api   API
	now   func() time.Time
	cache *lru.Cache[string, cached]
}

type cached struct {
	value string
	at    time.Time
}

// FromConfig returns a manager with its own client.
func FromConfig(c aws.Config, now func() time.Time) *Manager {
	return New(secretsmanager.NewFromConfig(c), now)
}

// New returns a manager.
func New(api API, now func() time.Time) *Manager {
	return &Manager{api: api, now: now, cache: lru.New[string, cached](maxSecrets, maxSecretBytes)}
}

// Secret returns a secret's text. An empty secret is an error.
func (m *Manager) Secret(ctx context.Context, name string) (string, error) {
	c, ok := m.cache.Get(name)
	if ok && m.now().Sub(c.at) < cacheFor {
		return c.value, nil
	}
	out, err := m.api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	if out.SecretString == nil || *out.SecretString == "" {
		return "", errors.New("read a secret: it holds no text")
	}
	// Names are adcp/<tenant>/<name>, or an ARN of the stack's own.
	tenant := name[:max(strings.LastIndex(name, "/"), 0)]
	m.cache.Put(tenant, name, cached{*out.SecretString, m.now()}, len(tenant)+len(name)+len(*out.SecretString))
	return *out.SecretString, nil
}

// Roots returns the root secrets of webhook credentials from a secret of the form
// {"current": "...", "previous": ["...", "..."]}: the current one first, then the former ones, from
// which open operations have their credentials (contract C6, F67). A single former one may stand
// without a list. What protects nothing is left out.
func (m *Manager) Roots(ctx context.Context, name string) ([]string, error) {
	s, err := m.Secret(ctx, name)
	if err != nil {
		return nil, err
	}
	var r struct {
		Current  string
		Previous json.RawMessage
	}
	if err := json.Unmarshal([]byte(s), &r); err != nil || !Usable(r.Current) {
		return nil, errors.New(`the webhook root secret must be {"current": "<32 random characters or more>"}`)
	}
	var former []string
	if len(r.Previous) > 0 && r.Previous[0] == '"' {
		r.Previous = slices.Concat([]byte("["), r.Previous, []byte("]"))
	}
	if len(r.Previous) > 0 && json.Unmarshal(r.Previous, &former) != nil {
		return nil, errors.New(`previous in the webhook root secret must be a list of former root secrets`)
	}
	return append([]string{r.Current}, slices.DeleteFunc(former, func(s string) bool { return !Usable(s) })...), nil
}

// Usable reports whether a secret can protect anything (contract F66): it has at least 32 bytes,
// and not all of them are equal.
func Usable(s string) bool {
	if len(s) < 32 {
		return false
	}
	for i := range len(s) {
		if s[i] != s[0] {
			return true
		}
	}
	return false
}

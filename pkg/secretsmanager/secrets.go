// Package secrets reads Secrets Manager, and remembers for a minute what it read.
package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// API is the part of Secrets Manager's client that is used.
type API interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// fresh is how long a value is believed: a rotated secret is in use everywhere a minute later.
const fresh = time.Minute

// Manager reads secrets by name or ARN.
type Manager struct {
	api API
	now func() time.Time

	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	value string
	at    time.Time
}

// FromConfig returns a manager with a client of its own.
func FromConfig(c aws.Config, now func() time.Time) *Manager {
	return New(secretsmanager.NewFromConfig(c), now)
}

// New returns a manager.
func New(api API, now func() time.Time) *Manager {
	return &Manager{api: api, now: now, kept: map[string]kept{}}
}

// Secret returns a secret's text.
func (m *Manager) Secret(ctx context.Context, name string) (string, error) {
	m.mu.Lock()
	k, ok := m.kept[name]
	m.mu.Unlock()
	if ok && m.now().Sub(k.at) < fresh {
		return k.value, nil
	}
	out, err := m.api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	if out.SecretString == nil || *out.SecretString == "" {
		return "", errors.New("read a secret: it holds no text")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[name] = kept{*out.SecretString, m.now()}
	return *out.SecretString, nil
}

// Roots returns the webhook root secrets that a secret of the form {"current": "...", "previous": "..."} holds: the current one first, the previous one
// while a rotation is under way (contract F67).
func (m *Manager) Roots(ctx context.Context, name string) ([]string, error) {
	s, err := m.Secret(ctx, name)
	if err != nil {
		return nil, err
	}
	var r struct{ Current, Previous string }
	if err := json.Unmarshal([]byte(s), &r); err != nil || !Usable(r.Current) {
		return nil, errors.New(`the webhook root secret has to be {"current": "<32 random characters or more>"}`)
	}
	if Usable(r.Previous) {
		return []string{r.Current, r.Previous}, nil
	}
	return []string{r.Current}, nil
}

// Usable refuses secrets that protect nothing (contract F66): under 32 bytes, or one byte repeated.
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

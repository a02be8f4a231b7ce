package apikey

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// NewKey is a key to be made.
type NewKey struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	// ExpiresAt is zero for never.
	ExpiresAt time.Time `json:"expires_at"`
}

// maxName is the longest name of a key, in characters.
const maxName = 128

// check names every wrong field. A key that ends makes no key that outlives it.
func (n NewKey) check(by Principal, now time.Time) error {
	var c validation.Checks
	checkName(&c, n.Name)
	checkScopes(&c, n.Scopes)
	switch ends := by.KeyExpiresAt; {
	case !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now):
		c.Add("expires_at", validation.OutOfRange, "must be in the future", "choose a later time, or leave it out")
	case !ends.IsZero() && (n.ExpiresAt.IsZero() || n.ExpiresAt.After(ends)):
		c.Add("expires_at", validation.OutOfRange, "must not be later than the end of the key that you use, "+
			ends.Format(time.RFC3339), "choose an earlier time, or use a key that ends later")
	}
	return c.Err()
}

func checkName(c *validation.Checks, name string) {
	if !validation.Line(name, maxName) {
		c.Add("name", validation.InvalidValue,
			"must be 1 to "+strconv.Itoa(maxName)+" visible characters on one line", "choose a shorter, plain name")
	}
}

func checkScopes(c *validation.Checks, scopes []string) {
	choose := "choose from " + strings.Join(Scopes(), ", ")
	for i, scope := range scopes {
		field := "scopes[" + strconv.Itoa(i) + "]"
		switch {
		case !slices.Contains(Scopes(), scope):
			remedy := choose
			if near := validation.Nearest(scope, Scopes()); near != "" {
				remedy = "write " + near + ", or " + choose
			}
			c.Add(field, validation.InvalidValue, "must be a scope", remedy)
		case slices.Contains(scopes[:i], scope):
			c.Add(field, validation.InvalidValue, "must be there once", "leave the second one out")
		}
	}
	if len(scopes) == 0 {
		c.Add("scopes", validation.Required, "must be at least one", choose)
	}
}

// Issue makes a key for whoever has access to the table: the first one of a tenant. The key is
// returned this once and can't be read again. The name may be empty. It returns a
// *validation.Error that names every wrong argument.
func Issue(ctx context.Context, s Keys, random io.Reader, now time.Time, tenant, name string, scopes []string) (
	string, error) {
	var c validation.Checks
	if !tenantForm().MatchString(tenant) {
		c.Add("tenant", validation.InvalidValue, "must match "+tenantForm().String(),
			"choose lower-case letters, digits and hyphens")
	}
	if name != "" {
		checkName(&c, name)
	}
	checkScopes(&c, scopes)
	if err := c.Err(); err != nil {
		return "", err
	}
	m := Manager{Store: s, Now: func() time.Time { return now }, Random: random}
	issued, err := m.create(ctx, tenant, operation.Actor{Type: operation.ActorOperator}, "",
		NewKey{Name: name, Scopes: scopes})
	return issued.Secret, err
}

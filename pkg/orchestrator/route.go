package orchestrator

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"adcp-orchestrator/pkg/operation"
)

// Route is the last segment of a webhook URL: where the registration is found, and a secret of 256 bits that nobody can guess (contract L9). It holds
// unreserved characters only, so that no proxy rewrites it.
type Route struct{ Tenant, OperationID, Secret string }

var routeForm = pattern(`^([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)\.(op_[a-z2-7]{26})\.([A-Za-z0-9_-]{43})$`)

// ParseRoute reads a route. ok is false if s can't be one.
func ParseRoute(s string) (r Route, ok bool) {
	m := routeForm().FindStringSubmatch(s)
	if m == nil {
		return Route{}, false
	}
	return Route{m[1], m[2], m[3]}, true
}

// String is the form that stands in the URL.
func (r Route) String() string { return r.Tenant + "." + r.OperationID + "." + r.Secret }

// Opens reports whether the route's secret is the registration's, in constant time.
func (r Route) Opens(g operation.Registration) bool {
	return g.RouteHash != "" && subtle.ConstantTimeCompare([]byte(hashHex(r.Secret)), []byte(g.RouteHash)) == 1
}

// Credential derives a registration's webhook credential from a root secret: 43 characters, different for each operation, stored nowhere.
func Credential(root, tenant, operationID string) string {
	m := hmac.New(sha256.New, []byte(root))
	m.Write([]byte("webhook-credential\x00" + tenant + "\x00" + operationID))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

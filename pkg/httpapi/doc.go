// Package httpapi adapts API Gateway's events to the use cases: it reads requests, checks scopes,
// and writes answers. Every error is a problem (RFC 9457) with a stable code that names each wrong
// field. Internal errors are logged and never shown.
package httpapi

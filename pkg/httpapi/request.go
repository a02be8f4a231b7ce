package httpapi

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/operation"
)

// Request is one HTTP request.
type Request struct {
	Method string
	// Route is the request's route as API Gateway has it, for example "GET /v1/operations/{id}".
	Route     string
	Path      map[string]string // the path's parameters
	Query     url.Values
	Header    http.Header
	Body      []byte // as received, base64 decoded
	Principal apikey.Principal
	// ID is the request's id, as the answer and the logs have it.
	ID string
}

// Actor is who the request comes from.
func (r Request) Actor() operation.Actor {
	p := r.Principal
	return operation.Actor{Type: operation.ActorAPIKey, ID: p.KeyID, Name: p.KeyName, RequestID: r.ID}
}

// Read decodes an event of API Gateway. It returns an error if the body is not the base64 that it
// claims to be.
func Read(e events.APIGatewayProxyRequest) (Request, error) {
	r := Request{Method: e.HTTPMethod, Route: e.HTTPMethod + " " + e.Resource, Path: e.PathParameters,
		Query: url.Values{}, Header: http.Header{}, Body: []byte(e.Body)}
	if e.IsBase64Encoded {
		b, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			return r, err
		}
		r.Body = b
	}
	for name, values := range e.MultiValueHeaders {
		for _, v := range values {
			r.Header.Add(name, v)
		}
	}
	for name, v := range e.Headers { // some gateways fill only one of the two maps
		if r.Header.Get(name) == "" {
			r.Header.Set(name, v)
		}
	}
	for name, values := range e.MultiValueQueryStringParameters {
		r.Query[name] = values
	}
	for name, v := range e.QueryStringParameters {
		if !r.Query.Has(name) {
			r.Query.Set(name, v)
		}
	}
	r.ID = e.RequestContext.RequestID
	r.Principal = apikey.Principal{Tenant: claim(e, "tenant"), KeyID: claim(e, "key_id"),
		KeyName: claim(e, "key_name"), Scopes: strings.Fields(claim(e, "scopes"))}
	r.Principal.KeyExpiresAt, _ = time.Parse(time.RFC3339, claim(e, "key_expires_at")) // missing: never
	return r, nil
}

// claim returns what the authorizer put into the request's context.
func claim(e events.APIGatewayProxyRequest, name string) string {
	s, _ := e.RequestContext.Authorizer[name].(string)
	return s
}

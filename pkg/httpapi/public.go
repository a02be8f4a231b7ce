package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// ProblemsPath is where the codes of problems are described.
const ProblemsPath = "/problems"

// public lets everybody keep a document for five minutes, which is how soon agents see a new key.
const public = "public, max-age=300"

// Published serves a public JSON document to everybody: our key set, our brand.json. A failure is a
// problem that must not be cached.
func Published[D any](a API, document func(ctx context.Context) (D, error)) Function {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		d, err := document(ctx)
		if err != nil {
			return a.fail(e, problemOf(ctx, err)), nil
		}
		return encode(Response{Status: http.StatusOK, Header: map[string]string{"Cache-Control": public}, Body: d}), nil
	}
}

// OpenAPIPath is where the API's description is.
const OpenAPIPath = "/openapi.json"

// documentedBase is the address of the API in its description.
const documentedBase = "https://api.example.com"

// PublishedDescription serves the API's description, in JSON, to everybody. Its addresses become
// those of this installation.
func (a API) PublishedDescription(document string) Function {
	return publishedText(strings.ReplaceAll(document, documentedBase, a.BaseURL), "application/json")
}

// PublishedText serves a public text to everybody.
func PublishedText(text string) Function { return publishedText(text, "text/plain; charset=utf-8") }

func publishedText(text, mediaType string) Function {
	header := map[string]string{"Cache-Control": public, "Content-Type": mediaType}
	return func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return encode(Response{Status: http.StatusOK, Header: header, Body: text}), nil
	}
}

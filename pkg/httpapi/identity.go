package httpapi

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
)

// Published serves a public document, as it is, to anybody: our key set, our brand.json. It may be kept for five minutes, which is how soon agents see a
// new key. A failure is a problem that nobody may keep.
func Published[D any](document func(ctx context.Context) (D, error)) Function {
	return func(ctx context.Context, _ events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		d, err := document(ctx)
		if err != nil {
			return Encode(failure(ctx, err)), nil
		}
		return Encode(Response{Status: http.StatusOK, Header: map[string]string{"Cache-Control": "public, max-age=300"}, Body: d}), nil
	}
}

package httpapi

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/webhook"
)

// outcome is the answer to a delivery that was taken.
type outcome struct {
	Outcome string `json:"outcome"`
}

// Webhook makes a receiver the Lambda handler of the webhook route. The sender authenticates by its
// delivery, not by an API key.
func (a API) Webhook(receive webhook.Receiver) Function {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		r, err := Read(e)
		if err != nil {
			return a.fail(e, malformed), nil
		}
		reply := receive.Handle(ctx, webhook.Delivery{Method: r.Method, Path: e.Path,
			CallbackToken: r.Path["callback_token"], Query: r.Query.Encode(), Header: r.Header, Body: r.Body})
		header := map[string]string{}
		if reply.Challenge != "" {
			header["WWW-Authenticate"] = reply.Challenge
		}
		if reply.RetryAfter > 0 {
			header["Retry-After"] = wholeSeconds(reply.RetryAfter)
		}
		if reply.Status < http.StatusMultipleChoices {
			return encode(Response{Status: reply.Status, Header: header, Body: outcome{reply.Code}}), nil
		}
		p := NewProblem(reply.Status, reply.Code, "")
		if reply.Challenge == "" { // else the challenge says what is wrong, and nothing else does (contract F35)
			p.Detail, p.Errors = reply.Detail, reply.Errors
		}
		return encode(Response{Status: reply.Status, Header: header, Body: a.complete(e, p)}), nil
	}
}

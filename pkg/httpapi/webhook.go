package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/webhook"
)

// Webhook makes a receiver the Lambda handler of the webhook route.
func Webhook(r webhook.Receiver) func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		in, err := Read(e)
		if err != nil {
			return Encode(failure(ctx, NewProblem(http.StatusBadRequest, "the body could not be decoded"))), nil
		}
		reply := r.Handle(ctx, webhook.Delivery{Method: in.Method, Route: in.Path["route"], Header: in.Header, Body: in.Body})
		header := map[string]string{}
		if reply.Status >= 300 {
			header["Content-Type"] = "application/problem+json"
		}
		if reply.Challenge != "" {
			header["WWW-Authenticate"] = reply.Challenge
		}
		return Encode(Response{Status: reply.Status, Header: header, Body: json.RawMessage(reply.Body())}), nil
	}
}

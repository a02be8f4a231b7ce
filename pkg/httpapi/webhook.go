package httpapi

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/webhook"
)

// Webhook makes a receiver the Lambda handler of the webhook route.
func Webhook(r webhook.Receiver) Function {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		in, err := Read(e)
		if err != nil {
			return Encode(failure(ctx, NewProblem(http.StatusBadRequest, "the body could not be decoded"))), nil
		}
		reply := r.Handle(ctx, webhook.Delivery{Method: in.Method, Path: e.Path, Route: in.Path["route"], Query: in.Query.Encode(), Header: in.Header, Body: in.Body})
		header := map[string]string{}
		if reply.Status >= 300 {
			header["Content-Type"] = "application/problem+json"
		}
		if reply.Challenge != "" {
			header["WWW-Authenticate"] = reply.Challenge
		}
		if reply.RetryAfter > 0 {
			header["Retry-After"] = strconv.Itoa(int(math.Ceil(reply.RetryAfter.Seconds())))
		}
		return Encode(Response{Status: reply.Status, Header: header, Body: json.RawMessage(reply.Body())}), nil
	}
}

package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
)

// errUnauthorized is the one text that API Gateway turns into a 401: the gateway compares it.
var errUnauthorized = errors.New("Unauthorized")

// authorizerFunction is a Lambda authorizer of type REQUEST.
type authorizerFunction = func(context.Context, events.APIGatewayCustomAuthorizerRequestTypeRequest) (
	events.APIGatewayCustomAuthorizerResponse, error)

// Authorize is the Lambda authorizer. It maps the key of Authorization: Bearer to a policy for the
// whole stage, with tenant and scopes for the functions. The policy covers the stage because the
// gateway caches it for the key; the functions check the scopes.
func Authorize(keys apikey.Store, now func() time.Time) authorizerFunction {
	usage := apikey.Usage{Store: keys}
	return func(ctx context.Context, e events.APIGatewayCustomAuthorizerRequestTypeRequest) (
		events.APIGatewayCustomAuthorizerResponse, error) {
		var none events.APIGatewayCustomAuthorizerResponse
		k, err := apikey.Authorize(ctx, keys, bearer(e), now())
		if errors.Is(err, apikey.ErrUnauthorized) {
			return none, errUnauthorized
		}
		if err != nil {
			slog.ErrorContext(ctx, "authorizer", "error", err)
			return none, errors.New("the key could not be checked")
		}
		usage.Note(ctx, k, now())
		p := k.Principal()
		claims := map[string]any{"tenant": p.Tenant, "key_id": p.KeyID, "key_name": p.KeyName,
			"scopes": strings.Join(p.Scopes, " ")}
		if !p.KeyExpiresAt.IsZero() {
			claims["key_expires_at"] = p.KeyExpiresAt.Format(time.RFC3339)
		}
		return events.APIGatewayCustomAuthorizerResponse{
			PrincipalID: p.Tenant + "/" + p.KeyID,
			PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{Version: "2012-10-17",
				Statement: []events.IAMPolicyStatement{{Action: []string{"execute-api:Invoke"}, Effect: "Allow",
					Resource: []string{stageOf(e.MethodArn)}}}},
			Context: claims,
		}, nil
	}
}

func bearer(e events.APIGatewayCustomAuthorizerRequestTypeRequest) string {
	for name, v := range e.Headers {
		if !strings.EqualFold(name, "Authorization") {
			continue
		}
		scheme, key, ok := strings.Cut(strings.TrimSpace(v), " ")
		if ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(key)
		}
	}
	return ""
}

// stageOf widens arn:aws:execute-api:<region>:<account>:<api>/<stage>/<method>/<path> to the whole
// stage.
func stageOf(methodArn string) string {
	parts := strings.SplitN(methodArn, "/", 3)
	if len(parts) < 2 {
		return methodArn
	}
	return parts[0] + "/" + parts[1] + "/*"
}

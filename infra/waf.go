package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awswafv2"
	"github.com/aws/jsii-runtime-go"
)

// webhookPath is in the path of every delivery, whatever domain and base path are mapped.
const webhookPath = "/v1/webhooks/"

// webhookForm is the form of a delivery's path: that of inbox.CallbackToken.
const webhookForm = `/v1/webhooks/[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\.[a-z2-7]{16}\.op_[a-z2-7]{26}\.` +
	`[A-Za-z0-9_-]{43}$`

// share is the part of a throttle that one address or one API key may use: a fourth.
const share = 4

// addWebACL puts AWS WAF before the API, if a setting asks for it: it has a price by the month. It
// refuses what has no delivery's form, and what one address or one API key sends beyond its share.
// It does not check the size of a body, because WAF reads only the beginning; the functions do.
func (b *builder) addWebACL() {
	if !b.settings.WAF {
		return
	}
	deliveries := contains(webhookPath)
	acl := awswafv2.NewCfnWebACL(b.stack, jsii.String("WebAcl"), &awswafv2.CfnWebACLProps{
		Scope:            jsii.String("REGIONAL"),
		DefaultAction:    &awswafv2.CfnWebACL_DefaultActionProperty{Allow: &awswafv2.CfnWebACL_AllowActionProperty{}},
		VisibilityConfig: visibility("WebAcl"),
		CustomResponseBodies: &map[string]any{
			"unknown_route": customBody(404, "unknown_route", "Not Found"),
			"rate_limited":  customBody(429, "rate_limited", "Too Many Requests"),
		},
		Rules: []any{
			&awswafv2.CfnWebACL_RuleProperty{
				Name:             jsii.String("webhook-form"),
				Priority:         jsii.Number(0),
				Action:           block(404, "unknown_route", nil),
				VisibilityConfig: visibility("WebhookForm"),
				Statement: &awswafv2.CfnWebACL_StatementProperty{
					AndStatement: &awswafv2.CfnWebACL_AndStatementProperty{Statements: []any{deliveries, not(matches(webhookForm))}},
				},
			},
			&awswafv2.CfnWebACL_RuleProperty{
				Name:             jsii.String("webhooks-of-an-address"),
				Priority:         jsii.Number(1),
				Action:           block(429, "rate_limited", jsii.String("60")),
				VisibilityConfig: visibility("WebhooksOfAnAddress"),
				Statement: &awswafv2.CfnWebACL_StatementProperty{
					RateBasedStatement: &awswafv2.CfnWebACL_RateBasedStatementProperty{
						AggregateKeyType:    jsii.String("IP"),
						EvaluationWindowSec: jsii.Number(60),
						Limit:               jsii.Number(perMinute(b.settings.Webhooks)),
						ScopeDownStatement:  deliveries,
					},
				},
			},
			&awswafv2.CfnWebACL_RuleProperty{
				Name:             jsii.String("requests-of-a-key"),
				Priority:         jsii.Number(2),
				Action:           block(429, "rate_limited", jsii.String("60")),
				VisibilityConfig: visibility("RequestsOfAKey"),
				Statement: &awswafv2.CfnWebACL_StatementProperty{
					RateBasedStatement: &awswafv2.CfnWebACL_RateBasedStatementProperty{
						AggregateKeyType:    jsii.String("CUSTOM_KEYS"),
						CustomKeys:          []any{authorizationKey()},
						EvaluationWindowSec: jsii.Number(60),
						Limit:               jsii.Number(perMinute(b.settings.API)),
						ScopeDownStatement:  not(deliveries),
					},
				},
			},
		},
	})
	association := awswafv2.NewCfnWebACLAssociation(b.stack, jsii.String("WebAclOfApi"),
		&awswafv2.CfnWebACLAssociationProps{
			ResourceArn: b.api.DeploymentStage().StageArn(),
			WebAclArn:   acl.AttrArn(),
		})
	association.Node().AddDependency(b.api.DeploymentStage())
}

// perMinute is what one sender may use of a throttle in a minute. WAF's limits begin at 10.
func perMinute(t throttle) int { return max(10, t.Rate*60/share) }

func visibility(name string) *awswafv2.CfnWebACL_VisibilityConfigProperty {
	return &awswafv2.CfnWebACL_VisibilityConfigProperty{
		CloudWatchMetricsEnabled: jsii.Bool(true),
		MetricName:               jsii.String(name),
		SampledRequestsEnabled:   jsii.Bool(false), // a sample holds the path, and with it the callback token
	}
}

func customBody(status int, code, title string) *awswafv2.CfnWebACL_CustomResponseBodyProperty {
	return &awswafv2.CfnWebACL_CustomResponseBodyProperty{
		ContentType: jsii.String("APPLICATION_JSON"),
		Content: jsii.String(fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"code":%q}`,
			title, status, code)),
	}
}

// block answers with a custom body, and with Retry-After if there is one.
func block(status float64, body string, retryAfter *string) *awswafv2.CfnWebACL_RuleActionProperty {
	response := &awswafv2.CfnWebACL_CustomResponseProperty{
		ResponseCode:          jsii.Number(status),
		CustomResponseBodyKey: jsii.String(body),
	}
	if retryAfter != nil {
		response.ResponseHeaders = []any{&awswafv2.CfnWebACL_CustomHTTPHeaderProperty{
			Name: jsii.String("Retry-After"), Value: retryAfter,
		}}
	}
	return &awswafv2.CfnWebACL_RuleActionProperty{Block: &awswafv2.CfnWebACL_BlockActionProperty{CustomResponse: response}}
}

// untransformed leaves a part of a request as it is.
var untransformed = []any{
	&awswafv2.CfnWebACL_TextTransformationProperty{Priority: jsii.Number(0), Type: jsii.String("NONE")},
}

func thePath() *awswafv2.CfnWebACL_FieldToMatchProperty {
	return &awswafv2.CfnWebACL_FieldToMatchProperty{UriPath: map[string]any{}}
}

func contains(text string) *awswafv2.CfnWebACL_StatementProperty {
	return &awswafv2.CfnWebACL_StatementProperty{
		ByteMatchStatement: &awswafv2.CfnWebACL_ByteMatchStatementProperty{
			FieldToMatch:         thePath(),
			PositionalConstraint: jsii.String("CONTAINS"),
			SearchString:         jsii.String(text),
			TextTransformations:  untransformed,
		},
	}
}

func matches(form string) *awswafv2.CfnWebACL_StatementProperty {
	return &awswafv2.CfnWebACL_StatementProperty{
		RegexMatchStatement: &awswafv2.CfnWebACL_RegexMatchStatementProperty{
			FieldToMatch:        thePath(),
			RegexString:         jsii.String(form),
			TextTransformations: untransformed,
		},
	}
}

func not(s *awswafv2.CfnWebACL_StatementProperty) *awswafv2.CfnWebACL_StatementProperty {
	return &awswafv2.CfnWebACL_StatementProperty{NotStatement: &awswafv2.CfnWebACL_NotStatementProperty{Statement: s}}
}

// authorizationKey tells the API keys apart by the header that carries them.
func authorizationKey() *awswafv2.CfnWebACL_RateBasedStatementCustomKeyProperty {
	return &awswafv2.CfnWebACL_RateBasedStatementCustomKeyProperty{
		Header: &awswafv2.CfnWebACL_RateLimitHeaderProperty{
			Name: jsii.String("authorization"), TextTransformations: untransformed,
		},
	}
}

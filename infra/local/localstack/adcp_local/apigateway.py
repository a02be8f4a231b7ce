"""Request authorizers and gateway responses of REST APIs. LocalStack's open edition stores them but
does not apply them."""
import fnmatch
import json
import re
import threading
import time

from localstack.services.apigateway.next_gen.execute_api import handlers
from localstack.services.apigateway.next_gen.execute_api.gateway_response import (
    AccessDeniedError,
    AuthorizerConfigurationError,
    AuthorizerFailureError,
    UnauthorizedError,
    get_gateway_response_or_default,
)
from localstack.services.apigateway.next_gen.execute_api.handlers.gateway_exception import GatewayExceptionHandler
from localstack.services.apigateway.next_gen.execute_api.header_utils import build_multi_value_headers
from localstack.services.apigateway.next_gen.execute_api.helpers import get_lambda_function_arn_from_invocation_uri
from localstack.services.apigateway.next_gen.execute_api.integrations.aws import RestApiAwsProxyIntegration

HEADER_SOURCE = "method.request.header."


class RequestAuthorizer:
    """Invokes the method's authorizer before anything else and caches its answer for its TTL, as
    API Gateway does. A cached policy is evaluated again for each method, so a policy that allows
    too little fails here as well."""

    def __init__(self):
        self.lock = threading.Lock()
        self.cache = {}  # (API, authorizer, identity) -> (expiry, answer)

    def __call__(self, chain, context, response):
        method = context.resource_method
        if method.get("authorizationType") != "CUSTOM":
            return
        authorizer = context.deployment.rest_api.authorizers.get(method.get("authorizerId"))
        if not authorizer or authorizer["type"] != "REQUEST":
            raise AuthorizerConfigurationError()
        identity = self.identity(authorizer, context.invocation_request["headers"])
        answer = self.authorize(authorizer, identity, context)
        if not allows(answer["policyDocument"], method_arn(context)):
            raise AccessDeniedError("User is not authorized to access this resource")
        values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in (answer.get("context") or {}).items()}
        context.context_variables["authorizer"] = {**values, "principalId": answer["principalId"]}

    @staticmethod
    def identity(authorizer, headers):
        """Returns the values of the identity sources. Refuses an absent value without a call."""
        values = []
        for source in filter(None, re.split(r"\s*,\s*", authorizer.get("identitySource") or "")):
            if not source.startswith(HEADER_SOURCE):
                raise AuthorizerConfigurationError()
            value = headers.get(source.removeprefix(HEADER_SOURCE))
            if not value:
                raise UnauthorizedError("Unauthorized")
            values.append(value)
        return tuple(values)

    def authorize(self, authorizer, identity, context):
        """Returns the authorizer's answer, from the cache if it has a current one."""
        ttl = int(authorizer.get("authorizerResultTtlInSeconds") or 0)
        key = (context.api_id, authorizer["id"], identity)
        with self.lock:
            expiry, answer = self.cache.get(key, (0, None))
        if ttl and time.monotonic() < expiry:
            return answer
        answer = invoke(authorizer, context)
        with self.lock:
            self.cache[key] = (time.monotonic() + ttl, answer)
        return answer


def invoke(authorizer, context):
    """Invokes the authorizer's function and checks the form of its answer."""
    function = get_lambda_function_arn_from_invocation_uri(authorizer["authorizerUri"])
    api = f"arn:aws:execute-api:{context.region}:{context.account_id}:{context.api_id}"
    source = f"{api}/authorizers/{authorizer['id']}"
    try:
        payload = RestApiAwsProxyIntegration.call_lambda(function, json.dumps(event(context)).encode(), source)
        answer = json.loads(payload)
    except Exception as e:
        raise AuthorizerFailureError("Internal server error") from e
    if not isinstance(answer, dict):
        raise AuthorizerConfigurationError()
    if "errorMessage" in answer:
        if answer["errorMessage"] == "Unauthorized":
            raise UnauthorizedError("Unauthorized")
        raise AuthorizerFailureError("Internal server error")
    if "policyDocument" not in answer or "principalId" not in answer:
        raise AuthorizerConfigurationError()
    return answer


def method_arn(context):
    request = context.invocation_request
    return (f"arn:aws:execute-api:{context.region}:{context.account_id}:{context.api_id}"
            f"/{context.stage}/{request['http_method']}{request['path']}")


def event(context):
    """Returns the event of a REQUEST authorizer."""
    request = context.invocation_request
    headers = request["headers"]
    return {
        "type": "REQUEST",
        "methodArn": method_arn(context),
        "resource": context.resource["path"],
        "path": request["path"],
        "httpMethod": request["http_method"],
        "headers": RestApiAwsProxyIntegration._format_headers(dict(headers)),
        "multiValueHeaders": RestApiAwsProxyIntegration._format_headers(build_multi_value_headers(headers)),
        "queryStringParameters": request["query_string_parameters"],
        "multiValueQueryStringParameters": request["multi_value_query_string_parameters"],
        "pathParameters": request["path_parameters"] or {},
        "stageVariables": context.stage_variables or {},
        "requestContext": {
            **context.context_variables,
            "resourcePath": context.resource["path"],
            "resourceId": context.resource["id"],
        },
    }


def allows(policy, arn):
    """Reports whether a policy of Allow and Deny statements allows a call of the method."""
    effects = set()
    for statement in as_list(policy.get("Statement")):
        actions = [a.lower() for a in as_list(statement.get("Action"))]
        if any(fnmatch.fnmatchcase("execute-api:invoke", a) for a in actions) and any(
            fnmatch.fnmatchcase(arn, r) for r in as_list(statement.get("Resource"))
        ):
            effects.add(statement.get("Effect"))
    return "Allow" in effects and "Deny" not in effects


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def apply_gateway_responses():
    """Gives the gateway's own errors the body and headers of the API's gateway responses."""
    original = GatewayExceptionHandler.create_exception_response

    def create_exception_response(self, exception, context):
        response = original(self, exception, context)
        custom = get_gateway_response_or_default(exception.type, context.deployment.rest_api.gateway_responses)
        if custom.get("defaultResponse"):
            return response
        if template := (custom.get("responseTemplates") or {}).get("application/json"):
            response.data = render(template, context.context_variables)
        for name, value in (custom.get("responseParameters") or {}).items():
            if name.startswith("gatewayresponse.header."):
                response.headers[name.removeprefix("gatewayresponse.header.")] = value.strip("'")
        return response

    GatewayExceptionHandler.create_exception_response = create_exception_response


def render(template, variables):
    """Substitutes $context variables. Only $context.error.messageString includes its quotes."""

    def value(match):
        found = variables
        for name in match.group(1).split("."):
            found = found.get(name, "") if isinstance(found, dict) else ""
        return json.dumps(found) if match.group(1) == "error.messageString" else str(found)

    return re.sub(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)", value, template)


def apply():
    handlers.preprocess_request.append(RequestAuthorizer())
    apply_gateway_responses()

"""AWS::ApiGateway::Authorizer for CloudFormation. LocalStack's open edition accepts it but does not
create it."""
from localstack.services.cloudformation.resource_provider import (
    CloudFormationResourceProviderPlugin,
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
)

# The properties: CloudFormation's names and the API's names.
PROPERTIES = {
    "Name": "name",
    "Type": "type",
    "AuthType": "authType",
    "AuthorizerUri": "authorizerUri",
    "AuthorizerCredentials": "authorizerCredentials",
    "AuthorizerResultTtlInSeconds": "authorizerResultTtlInSeconds",
    "IdentitySource": "identitySource",
    "IdentityValidationExpression": "identityValidationExpression",
    "ProviderARNs": "providerARNs",
}


class AuthorizerProvider(ResourceProvider):
    TYPE = "AWS::ApiGateway::Authorizer"
    SCHEMA = {
        "typeName": TYPE,
        "properties": {name: {} for name in [*PROPERTIES, "RestApiId", "AuthorizerId"]},
        "required": ["RestApiId", "Type", "Name"],
        "createOnlyProperties": ["/properties/RestApiId"],
        "readOnlyProperties": ["/properties/AuthorizerId"],
        "primaryIdentifier": ["/properties/RestApiId", "/properties/AuthorizerId"],
    }

    def create(self, request):
        model = request.desired_state
        apigateway = request.aws_client_factory.apigateway
        authorizer = apigateway.create_authorizer(restApiId=model["RestApiId"], **arguments(model))
        return done(request, {**model, "AuthorizerId": authorizer["id"]})

    def update(self, request):
        model, id = request.desired_state, request.previous_state["AuthorizerId"]
        request.aws_client_factory.apigateway.update_authorizer(
            restApiId=model["RestApiId"],
            authorizerId=id,
            patchOperations=[
                {"op": "replace", "path": f"/{name}", "value": str(value)}
                for name, value in arguments(model).items()
                if isinstance(value, (str, int))
            ],
        )
        return done(request, {**model, "AuthorizerId": id})

    def delete(self, request):
        model = request.previous_state or request.desired_state
        request.aws_client_factory.apigateway.delete_authorizer(
            restApiId=model["RestApiId"], authorizerId=model["AuthorizerId"]
        )
        return done(request, model)


def arguments(model):
    """Returns the properties of a resource as arguments of the API."""
    values = {argument: model[name] for name, argument in PROPERTIES.items() if model.get(name) is not None}
    if "authorizerResultTtlInSeconds" in values:
        values["authorizerResultTtlInSeconds"] = int(values["authorizerResultTtlInSeconds"])
    return values


def done(request, model):
    """Returns the event of a request that succeeded."""
    return ProgressEvent(
        status=OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context
    )


class AuthorizerProviderPlugin(CloudFormationResourceProviderPlugin):
    name = AuthorizerProvider.TYPE

    def load(self):
        self.factory = AuthorizerProvider

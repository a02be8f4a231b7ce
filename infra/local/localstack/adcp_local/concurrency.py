"""Lambda's quota of concurrent executions, enforced as on AWS.

LocalStack refuses an invocation beyond the quota, but it gives the wrong reason, and API Gateway
repeats the invocation and answers 502 in the end. Here the caller sees what it sees on AWS:
a synchronous invocation gets TooManyRequestsException with ConcurrentInvocationLimitExceeded, a
state machine Lambda.TooManyRequestsException, and a client of API Gateway 500, at once.

Tests lower the quota: while the file ADCP_LOCAL_CONCURRENCY exists, its number is the quota.
"""
import contextlib
import os
import threading

from localstack import config

DEFAULT = config.LAMBDA_LIMITS_CONCURRENT_EXECUTIONS
RESERVED, ACCOUNT = "ReservedFunctionConcurrentInvocationLimitExceeded", "ConcurrentInvocationLimitExceeded"

log_lock = threading.Lock()


def quota():
    """Returns the account's quota."""
    try:
        with open(os.environ.get("ADCP_LOCAL_CONCURRENCY", "")) as f:
            return int(f.read())
    except FileNotFoundError:
        return DEFAULT


def log(function, reason):
    """Adds a line to the list of refused invocations."""
    if directory := os.environ.get("ADCP_LOCAL_LOGS"):
        with log_lock, open(os.path.join(directory, "throttled.log"), "a") as f:
            f.write(f"{function} {reason}\n")


def apply():
    apply_quota()
    apply_gateway()


def apply_quota():
    from localstack.aws.api.lambda_ import TooManyRequestsException
    from localstack.services.lambda_.invocation.counting_service import CountingService

    lease = CountingService.get_invocation_lease

    @contextlib.contextmanager
    def get_invocation_lease(self, function, function_version, provisioned_state=None):
        config.LAMBDA_LIMITS_CONCURRENT_EXECUTIONS = quota()
        with contextlib.ExitStack() as stack:
            try:
                kind = stack.enter_context(lease(self, function, function_version, provisioned_state))
            except TooManyRequestsException as e:
                e.Reason = ACCOUNT if function.reserved_concurrent_executions is None else RESERVED
                log(function_version.id.function_name, e.Reason)
                raise
            yield kind

    CountingService.get_invocation_lease = get_invocation_lease


def apply_gateway():
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from localstack.services.apigateway.next_gen.execute_api.gateway_response import (
        IntegrationFailureError,
        InternalServerError,
    )
    from localstack.services.apigateway.next_gen.execute_api.integrations import aws

    factory, invoke, once = aws.connect_to, aws.RestApiAwsProxyIntegration.invoke, Config(retries={"max_attempts": 0})

    class ConnectOnce:
        """Makes clients that try once."""

        def __call__(self, **kwargs):
            return factory(**kwargs, config=once)

        def with_assumed_role(self, **kwargs):
            return factory.with_assumed_role(**kwargs, config=once)

    def invoke_proxy(self, context):
        try:
            return invoke(self, context)
        except IntegrationFailureError as e:
            cause = e.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "TooManyRequestsException":
                raise InternalServerError("Internal server error", status_code=500) from e
            raise

    aws.connect_to = ConnectOnce()
    aws.RestApiAwsProxyIntegration.invoke = invoke_proxy

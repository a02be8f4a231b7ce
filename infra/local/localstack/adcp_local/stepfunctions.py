"""Spares the executions what LocalStack makes anew for each of their states: the parser of a JSONPath, and a service's client, for which it assumes a role."""
import functools
import threading


def apply():
    # Before any state's module is loaded: they take the function by its name.
    from localstack.services.stepfunctions.asl.component.common.path import result_path
    from localstack.services.stepfunctions.asl.utils import boto_client

    result_path.parse = functools.cache(result_path.parse)
    make, lock, made = boto_client.boto_client_for, threading.Lock(), {}

    def client_for(service, region, state_credentials):
        key = service, region, state_credentials.role_arn
        with lock:
            if key not in made:
                made[key] = make(service=service, region=region, state_credentials=state_credentials)
            return made[key]

    boto_client.boto_client_for = client_for

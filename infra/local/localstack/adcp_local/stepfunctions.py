"""Makes executions faster. LocalStack parses each JSONPath again in every state, and makes each
service client again, for which it assumes a role. Here both are cached."""
import functools
import threading


def apply():
    # Patch before the modules of the states are loaded, because they import the function by name.
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

"""Start-up and shutdown hooks. They replace what LocalStack would download or run by itself, and
add what its open edition leaves out."""
import logging
import os
import subprocess
import sys
import threading
import time

from localstack.runtime import hooks
from localstack.utils.threads import TMP_THREADS, FuncThread

LOG = logging.getLogger(__name__)

# The services that a deployment of the orchestrator uses, in the order of their first use.
SERVICES = (
    "secretsmanager", "kms", "s3", "ssm", "sts", "cloudformation", "dynamodb", "iam", "logs", "apigateway", "lambda",
    "stepfunctions", "events", "cloudwatch", "sqs", "sns",
)


class DynamodbThread(FuncThread):
    """Runs DynamoDB Local and waits for its end. It stays in LocalStack's process group."""

    def __init__(self, port, heap):
        self.process = None
        self.command = [
            sys.executable, "-m", "adcp_local.dynamodb", os.environ["ADCP_LOCAL_DYNAMODB_JARS"], heap,
            "-port", str(port), "-inMemory", "-sharedDb", "-disableTelemetry",
        ]
        super().__init__(self.follow, name="dynamodb-local")

    def follow(self, _):
        with open(os.path.join(os.environ["ADCP_LOCAL_LOGS"], "dynamodb.log"), "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=os.environ | {"DDB_LOCAL_TELEMETRY": "0"},
            )
        return self.process.wait()

    def stop(self, quiet=False):
        super().stop(quiet)
        if self.process:
            self.process.terminate()


@hooks.on_infra_start()
def apply_patches():
    import jpype
    from localstack.services.dynamodb.server import DynamodbServer
    from localstack.services.stepfunctions.packages import JSONataPackageInstaller

    from adcp_local import apigateway, concurrency, stepfunctions

    def do_start_thread(server: DynamodbServer):
        thread = DynamodbThread(server.port, server.heap_size)
        TMP_THREADS.append(thread)  # LocalStack stops these when it ends
        thread.start()
        return thread

    DynamodbServer.do_start_thread = do_start_thread
    # Use the machine's Java (JAVA_HOME). LocalStack would download another one.
    JSONataPackageInstaller.get_java_lib_path = lambda _: jpype.getDefaultJVMPath()
    apigateway.apply()
    concurrency.apply()
    stepfunctions.apply()


@hooks.on_infra_ready()
def warm_up():
    """Loads in the background what a deployment and the first execution need. Everything would also
    load at its first use, so nothing depends on this hook."""

    def load():
        from localstack.services.plugins import SERVICE_PLUGINS
        from localstack.services.stepfunctions.asl.jsonata.jsonata import eval_jsonata_expression

        began = time.monotonic()
        for service in SERVICES:
            SERVICE_PLUGINS.require(service)
        eval_jsonata_expression("1")
        LOG.info("warmed up in %.1f s", time.monotonic() - began)

    threading.Thread(target=load, daemon=True, name="warm-up").start()


@hooks.on_infra_shutdown(priority=1000)
def exit_at_once():
    """Ends the process at once. To shut down one service after the other would take more than ten
    seconds. All state is in memory. DynamoDB Local and the functions notice the end of this
    process, or end with its process group."""
    os._exit(0)

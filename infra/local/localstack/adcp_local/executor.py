"""Runs `provided.*` zip functions as child processes. LocalStack itself would start containers.

LAMBDA_RUNTIME_EXECUTOR=process selects it. Each executor is one execution environment: a process
of the function's `bootstrap`, and the Lambda Runtime API that the process polls. Only the time is
limited as on AWS. Memory and file system are the machine's.
"""
import json
import logging
import os
import subprocess
import threading
import time
from concurrent.futures import Future, TimeoutError as FutureTimeout

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from .runtime_api import RuntimeApi

LOG = logging.getLogger(__name__)
DEFAULT_TIMEOUT_SECONDS = 3
# Log lines travel through a pipe, so the last ones may arrive after the function's answer.
LOG_WAIT_SECONDS = 0.005


class ProcessRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *args, **kwargs):
        return ProcessRuntimeExecutor


def spawn_env():
    """Returns variables for each new process from a file, if there is one. With the file, tests
    put a proxy between a function and its table."""
    path = os.environ.get("ADCP_LOCAL_SPAWN_ENV", "")
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)


def table_env():
    """Returns the variable that leads functions to DynamoDB Local itself. LocalStack's gateway would
    pass their requests on unchanged, and spend most of its time on that."""
    from localstack.services.dynamodb.server import DynamodbServer

    return {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{DynamodbServer.get().port}"}


class ProcessRuntimeExecutor(RuntimeExecutor):
    def __init__(self, id, function_version):
        super().__init__(id=id, function_version=function_version)
        self.lock = threading.Lock()
        self.env = {}
        self.api = None
        self.process = None
        self.ready = Future()
        self.answer = None  # of the current invocation
        self.request_id = None
        self.lines = []
        self.log_file = None

    # --- life cycle

    def start(self, env_vars):
        self.env = {k: str(v) for k, v in env_vars.items() if v is not None}
        if directory := os.environ.get("ADCP_LOCAL_LOGS"):
            path = os.path.join(directory, "functions", f"{self.function_version.id.function_name}.log")
            self.log_file = open(path, "ab", buffering=0)
        self._spawn()

    def _spawn(self):
        """Starts a process with a new Runtime API: an earlier process cannot interfere."""
        self.ready = Future()
        self.api = RuntimeApi(on_ready=self._on_ready, on_init_error=self._on_init_error, on_answer=self._on_answer)
        code = str(self.function_version.config.code.get_unzipped_code_location())
        env = self.env | {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "LAMBDA_TASK_ROOT": code,
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        } | table_env() | spawn_env()
        # The child stays in LocalStack's process group: a signal to the group ends everything.
        self.process = subprocess.Popen(
            [os.path.join(code, "bootstrap")], cwd=code, env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._follow, args=(self.process, self.ready), daemon=True).start()
        self.ready.result(timeout=config.LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT)

    def _follow(self, process, ready):
        """Collects the output of the process. When it ends, a waiting start or invocation fails."""
        for line in process.stdout:
            self._log(line.decode(errors="replace"))
        process.wait()
        error = json.dumps({
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {self.request_id} Error: Runtime exited with code {process.returncode}",
        }).encode()
        if not ready.done():
            ready.set_exception(StatusErrorException("the function's process ended before it was ready", payload=error))
        if process is self.process and self.request_id:
            self._on_answer(self.request_id, error, True)

    def _end_process(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(0.5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.api.close()

    def stop(self):
        if self.process:
            self._end_process()
        with self.lock:
            if self.log_file:
                self.log_file.close()
                self.log_file = None

    # --- what the Runtime API reports

    def _on_ready(self):
        if not self.ready.done():
            self.ready.set_result(True)

    def _on_init_error(self, body):
        if not self.ready.done():
            self.ready.set_exception(StatusErrorException("init error", payload=body))

    def _on_answer(self, request_id, body, is_error):
        with self.lock:
            if request_id == self.request_id and not self.answer.done():
                self.answer.set_result((body, is_error))

    # --- invocations, one at a time

    def invoke(self, payload, **_):
        seconds = self.function_version.config.timeout or DEFAULT_TIMEOUT_SECONDS
        if self.process.poll() is not None:  # the last invocation crashed or timed out
            self.api.close()
            self._spawn()
        request_id = payload["invoke-id"]
        with self.lock:
            self.lines = []
            self.answer, self.request_id = Future(), request_id
        self._log(f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n")
        began = time.time()
        self.api.offer({**payload, "deadline": int((began + seconds) * 1000)})
        try:
            body, is_error = self.answer.result(timeout=seconds)
        except FutureTimeout:
            body, is_error = json.dumps({
                "errorType": "Sandbox.Timedout",
                "errorMessage": f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds",
            }).encode(), True
            self._end_process()
        time.sleep(LOG_WAIT_SECONDS)
        took = (time.time() - began) * 1000
        memory = self.function_version.config.memory_size
        self._log(f"END RequestId: {request_id}\n")
        self._log(f"REPORT RequestId: {request_id}\tDuration: {took:.2f} ms\tMemory Size: {memory} MB\n")
        with self.lock:
            self.request_id = None
            logs = "".join(self.lines)
        return InvocationResult(request_id, body, is_error=is_error, logs=logs)

    def _log(self, line):
        with self.lock:
            self.lines.append(line)
            if self.log_file:
                self.log_file.write(line.encode())

    def get_logs(self):
        with self.lock:
            return "".join(self.lines)

    # --- what LocalStack requires of every executor

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version):
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass  # versions may share their code, which is removed with the instance's directory

    @classmethod
    def validate_environment(cls):
        return True

"""The Lambda Runtime API (2018-06-01) of one execution environment, on its own loopback port."""
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/2018-06-01/runtime/"


class RuntimeApi:
    """Hands invocations to the process that polls it, and reports the answers of the process."""

    def __init__(self, on_ready, on_init_error, on_answer):
        self.on_ready, self.on_init_error, self.on_answer = on_ready, on_init_error, on_answer
        self.invocations = queue.Queue()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.server.api = self
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()

    def offer(self, invocation):
        self.invocations.put(invocation)

    def close(self):
        self.invocations.put(None)  # ends the long poll
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for headers and body: a second one would wait for a delayed ACK
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        api = self.server.api
        if self.path != PREFIX + "invocation/next":
            return self._reply(404)
        api.on_ready()
        invocation = api.invocations.get()
        if invocation is None:
            return self._reply(410)
        self._reply(200, invocation["payload"].encode(), {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation["invoke-id"],
            "Lambda-Runtime-Invoked-Function-Arn": invocation["invoked-function-arn"],
            "Lambda-Runtime-Deadline-Ms": str(invocation["deadline"]),
            "Lambda-Runtime-Trace-Id": invocation["trace-id"],
        })

    def do_POST(self):
        body = self._body()
        self._reply(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
        if self.path == PREFIX + "init/error":
            self.server.api.on_init_error(body)
        elif self.path.startswith(PREFIX + "invocation/"):
            request_id, kind = self.path.removeprefix(PREFIX + "invocation/").split("/")[:2]
            self.server.api.on_answer(request_id, body, kind == "error")

    def _reply(self, code, body=b"", headers=None):
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _body(self):
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

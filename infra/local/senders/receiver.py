"""A receiver of webhooks on PyPI's standardwebhooks, as a tenant would write one. It listens on
loopback only, for the tests of infra/dev/e2e.

Environment: PORT. A line of JSON on standard output says that it listens.
  POST /hook      verified by the library with the secret; 204, or 400 if it does not verify, or what
                  /answers has for it
  POST /secret    {"secret": "whsec_..."}  the secret from now on
  POST /answers   {"answers": [{"status": 503, "retry_after": "1"}, ...]}  the next answers, each once
  GET  /received  {"received": [{"id", "timestamp", "signatures", "verified", "body", "status"}, ...]}
"""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

lock = threading.Lock()
state = {"secret": None, "answers": [], "received": []}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, document=None, header=()):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in header:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            self.answer(200, {"received": state["received"]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            if self.path != "/hook":
                state.update(json.loads(body))
                return self.answer(204)
            try:
                Webhook(state["secret"]).verify(body, dict(self.headers))
                verified, status = True, 204
            except WebhookVerificationError:
                verified, status = False, 400
            header = []
            if verified and state["answers"]:
                planned = state["answers"].pop(0)
                status = planned["status"]
                header = [("Retry-After", planned["retry_after"])] if "retry_after" in planned else []
            state["received"].append({
                "id": self.headers["webhook-id"], "timestamp": self.headers["webhook-timestamp"],
                "signatures": len(self.headers["webhook-signature"].split(" ")), "verified": verified,
                "body": body.decode(), "status": status,
            })
            self.answer(status, header=header)


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print(json.dumps({"event": "listening", "url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
server.serve_forever()

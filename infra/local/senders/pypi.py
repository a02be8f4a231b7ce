"""A sender of webhooks on PyPI's adcp. The SDK's WebhookSender signs and sends; nothing of that is
done here. It listens on loopback only, for the tests of infra/dev/e2e.

Environment: PORT, AGENT_URL (brand.json lists it byte for byte). A line of JSON on standard output
says that the sender listens: importing the SDK takes 20 seconds.
  GET  /.well-known/brand.json, /.well-known/jwks.json
      the keys, as the SDK's own tool for keys makes them
  POST /sign  {url, body, mode, secret?}  ->  {method, url, headers, body}
      the request as it would be sent, with its body in base64; nothing is sent
  POST /send  {url, body, mode, secret?, retry?}  ->
              {status, attempts, idempotency_key, response, errors}
      sends it; status is null if nobody answered
mode is rfc9421, rfc9421-es256, hmac or bearer. The last two need secret, as text. body is an
object, or the text of one. The SDK serializes it, with blanks and ASCII escapes.
A body that has only fields of send_mcp, and all that it needs, goes through send_mcp, as sellers
send the result of a task: operation_id is required, and the SDK adds a timestamp, a notification_id
and an idempotency_key if they are absent. Any other body goes through send_raw, which adds only an
idempotency_key. A body that the SDK refuses is a 400.
WebhookSender tries once. With retry, the SDK's supervisor sends instead: it tries three times and
accepts no idempotency_key.

requirements.txt was made from adcp==9.2.0 and standardwebhooks==1.1.0 (for receiver.py) by
  uv pip compile --universal --python-version 3.13 --generate-hashes --no-header --no-annotate
"""

import asyncio
import base64
import inspect
import json
import os
import warnings
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from adcp.signing.keygen import generate_signing_keypair
from adcp.webhook_sender import WebhookSender
from adcp.webhook_supervisor import InMemoryWebhookDeliverySupervisor

warnings.simplefilter("ignore")  # the SDK warns that HMAC is deprecated
HOST, PORT, AGENT_URL = "127.0.0.1", int(os.environ["PORT"]), os.environ["AGENT_URL"]

# This SDK marks keys for webhooks as webhook-signing.
KEYS = {
    mode: generate_signing_keypair(alg=alg, kid=f"pypi-{alg}", purpose="webhook-signing")
    for mode, alg in (("rfc9421", "ed25519"), ("rfc9421-es256", "es256"))
}
DOCUMENTS = {
    "/.well-known/jwks.json": {"keys": [jwk for _, jwk in KEYS.values()]},
    "/.well-known/brand.json": {
        "house": {"domain": HOST, "name": "Sender"},
        "agents": [{
            "type": "sales",
            "id": "sender",
            "url": AGENT_URL,
            "jwks_uri": f"http://{HOST}:{PORT}/.well-known/jwks.json",
        }],
    },
}


def sender(mode, secret, client):
    """Returns the SDK's sender for a mode. It uses the given HTTP client, or its own if that is
    None. Its own client refuses loopback addresses without allow_private_destinations."""
    kw = {"client": client, "allow_private_destinations": True}
    if mode in KEYS:
        pem, jwk = KEYS[mode]
        alg = {"EdDSA": "ed25519", "ES256": "ecdsa-p256-sha256"}[jwk["alg"]]
        return WebhookSender.from_pem(pem, key_id=jwk["kid"], alg=alg, **kw)
    if mode in ("hmac", "bearer") and not secret:
        raise ValueError(f"mode {mode} needs a secret")
    if mode == "hmac":
        return WebhookSender.from_adcp_legacy_hmac(secret.encode(), key_id="pypi-hmac", **kw)
    if mode == "bearer":
        return WebhookSender.from_bearer_token(secret, **kw)
    raise ValueError(f"mode {mode!r} is none of {', '.join(KEYS)}, hmac and bearer")


TASK_FIELDS = inspect.signature(WebhookSender.send_mcp).parameters.keys() - {"self", "url", "extra_headers"}
TASK_NEEDS = {"task_id", "status", "task_type", "operation_id"}


async def emit(s, url, payload):
    """Sends a payload through send_mcp if its fields allow it, and through send_raw otherwise."""
    if TASK_NEEDS <= payload.keys() <= TASK_FIELDS:
        if "timestamp" in payload:
            payload = payload | {"timestamp": datetime.fromisoformat(payload["timestamp"])}
        return await s.send_mcp(url=url, **payload)
    return await s.send_raw(url=url, idempotency_key=payload.get("idempotency_key"), payload=payload)


def target(job):
    """Returns the URL and the payload of a job, which is the body of a POST."""
    payload = job["body"]
    return job["url"], json.loads(payload) if isinstance(payload, str) else payload


async def sign(job):
    """Sends through a transport that only records the request. SDK and HTTP client are real."""
    url, payload = target(job)
    sent = []

    def record(r):
        sent.append({
            "method": r.method,
            "url": str(r.url),
            "headers": dict(r.headers.multi_items()),
            "body": base64.b64encode(r.read()).decode(),
        })
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(record)) as client:
        await emit(sender(job["mode"], job.get("secret"), client), url, payload)
    return sent[0]


class Log:
    """Records each attempt of the supervisor."""

    def __init__(self):
        self.attempts = []

    async def record(self, attempt):
        self.attempts.append(attempt)


async def send(job):
    url, payload = target(job)
    async with sender(job["mode"], job.get("secret"), None) as s:
        log, r, errors = Log(), None, []
        try:
            if job.get("retry"):
                r = await InMemoryWebhookDeliverySupervisor(s, log_sink=log).send_mcp(url=url, **payload)
            else:
                r = await emit(s, url, payload)
        except httpx.TransportError as e:
            errors.append(f"{type(e).__name__}: {e}")
        return {
            "status": r.status_code if r else None,
            "attempts": len(log.attempts) or 1,
            "idempotency_key": r.idempotency_key if r else None,
            "response": r.response_body.decode(errors="replace") if r else "",
            "errors": [a.error_message for a in log.attempts if a.error_message] or errors,
        }


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(*((200, DOCUMENTS[self.path]) if self.path in DOCUMENTS else (404, {"error": "not found"})))

    def do_POST(self):
        action = {"/sign": sign, "/send": send}.get(self.path)
        if not action:
            return self.answer(404, {"error": "not found"})
        try:
            job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, asyncio.run(action(job)))
        except Exception as e:  # the tests check the SDK's own error text
            self.answer(400, {"error": f"{type(e).__name__}: {e}"})

    def answer(self, status, document):
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer((HOST, PORT), Handler)
print(json.dumps({"event": "listening", "url": f"http://{HOST}:{PORT}"}), flush=True)
server.serve_forever()

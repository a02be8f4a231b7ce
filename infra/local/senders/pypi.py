"""A sender of webhooks made of PyPI's adcp: WebhookSender signs and sends, nothing of it is done here. Loopback only, for the tests of infra/dev/e2e.

Environment: PORT; AGENT_URL, which brand.json lists byte for byte. One line of JSON on standard output tells that it listens: importing the SDK
takes 20 seconds.
  GET  /.well-known/brand.json, /.well-known/jwks.json    the keys as the SDK's own tool for them makes them
  POST /sign  {url, body, mode, secret?}  ->  {method, url, headers, body}: the request as it would go out, its body in base64; nothing is sent
  POST /send  the same, and retry?        ->  {status, attempts, idempotency_key, response, errors}: it is sent; status is null if nobody answered
mode is rfc9421, rfc9421-es256, hmac or bearer; the last two take secret as text. body is an object, or the text of one, and the SDK serializes it,
with blanks and ASCII escapes. An object of the fields that send_mcp takes goes by that, which is how sellers send what became of a task: it wants
operation_id, and adds a timestamp, a notification_id and an idempotency_key where there is none. Any other goes by send_raw, which adds the
idempotency_key only. A body that the SDK refuses is a 400.
WebhookSender tries once. With retry it is the SDK's supervisor that sends: three times, and it takes no idempotency_key.

requirements.txt: uv pip compile --universal --python-version 3.13 --generate-hashes --no-header --no-annotate, of adcp==9.2.0
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

warnings.simplefilter("ignore")  # HMAC is deprecated, which is no news
HOST, PORT, AGENT_URL = "127.0.0.1", int(os.environ["PORT"]), os.environ["AGENT_URL"]

# Keys for webhooks are marked webhook-signing by this SDK.
KEYS = {
    mode: generate_signing_keypair(alg=alg, kid=f"pypi-{alg}", purpose="webhook-signing")
    for mode, alg in (("rfc9421", "ed25519"), ("rfc9421-es256", "es256"))
}
DOCUMENTS = {
    "/.well-known/jwks.json": {"keys": [jwk for _, jwk in KEYS.values()]},
    "/.well-known/brand.json": {
        "house": {"domain": HOST, "name": "Sender"},
        "agents": [{"type": "sales", "id": "sender", "url": AGENT_URL, "jwks_uri": f"http://{HOST}:{PORT}/.well-known/jwks.json"}],
    },
}


def sender(mode, secret, client):
    """The SDK's sender for a mode: with a client of ours for it to use, or with its own, which has to be told that loopback is meant."""
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
    if TASK_NEEDS <= payload.keys() <= TASK_FIELDS:
        if "timestamp" in payload:
            payload = payload | {"timestamp": datetime.fromisoformat(payload["timestamp"])}
        return await s.send_mcp(url=url, **payload)
    return await s.send_raw(url=url, idempotency_key=payload.get("idempotency_key"), payload=payload)


def request(order):
    payload = order["body"]
    return order["url"], json.loads(payload) if isinstance(payload, str) else payload


async def sign(order):
    """Sends into a transport that keeps the request instead of sending it. It stands below the SDK and its HTTP client."""
    url, payload = request(order)
    sent = []

    def keep(r):
        sent.append({"method": r.method, "url": str(r.url), "headers": dict(r.headers.multi_items()), "body": base64.b64encode(r.read()).decode()})
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(keep)) as client:
        await emit(sender(order["mode"], order.get("secret"), client), url, payload)
    return sent[0]


class Log:
    """What the supervisor tells of each attempt."""

    def __init__(self):
        self.attempts = []

    async def record(self, attempt):
        self.attempts.append(attempt)


async def send(order):
    url, payload = request(order)
    async with sender(order["mode"], order.get("secret"), None) as s:
        log, r, errors = Log(), None, []
        try:
            if order.get("retry"):
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
        act = {"/sign": sign, "/send": send}.get(self.path)
        if not act:
            return self.answer(404, {"error": "not found"})
        try:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, asyncio.run(act(order)))
        except Exception as e:  # the SDK's own words are what the test wants to see
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

"""A sales agent on PyPI's adcp. The SDK's server answers MCP at /mcp (with sessions, its default)
and A2A at /, and its WebhookSender sends the result of a task. It listens on loopback only. The
tests of infra/dev/e2e run it in the Python environment of infra/local/senders.

Environment: PORT, TOKEN (the buyer's bearer token), VERSIONS (the AdCP releases that it speaks, all of the
SDK's without it; with 3.2 it has the tools of compact.py too). The agent is ready when PORT accepts
connections: importing the SDK takes up to 20 seconds.
  GET /ledger                   create_media_buy calls and buys by po_number, like seller/ledger.mjs
  GET /brand.json, /jwks.json   the keys; the SDK's server uses /.well-known itself
  GET /proposal                 a proposal that accept_proposal accepts, a new one each time
A request selects the agent's behavior in ext.adcp_demo, as with the demo seller:
  delay_ms    how long the task takes (1500)
  outcome     completed | failed | rejected | sync
  webhook     normal | none
A webhook is authenticated as push_notification_config.authentication requires, or else by RFC 9421.
"""

import asyncio
import json
import os
import uuid
import warnings
from datetime import datetime, timezone

warnings.simplefilter("ignore")  # the SDK warns that HMAC is deprecated
os.environ.setdefault("ADCP_ENV", "dev")
os.environ.setdefault("ADCP_DECISIONING_ALLOW_INMEMORY_TASKS", "1")

from adcp.decisioning import AdcpError, DecisioningCapabilities, DecisioningPlatform, SingletonAccounts, serve
from adcp.decisioning.capabilities import Account, MediaBuy, WebhookSigning
from adcp.server.auth import BearerTokenAuth, Principal, validator_from_token_map
from adcp.signing.keygen import generate_signing_keypair
from adcp.webhook_sender import WebhookSender
from adcp.webhook_supervisor import InMemoryWebhookDeliverySupervisor
from starlette.responses import JSONResponse
from starlette.routing import Route

from compact import TOOLS, Compact

HOST, PORT, TOKEN = "127.0.0.1", int(os.environ["PORT"]), os.environ["TOKEN"]
ORIGIN = f"http://{HOST}:{PORT}"
VERSIONS = os.environ.get("VERSIONS", "3.2,3.1,3.0").split(",")
PEM, JWK = generate_signing_keypair(alg="ed25519", kid="pypi-seller", purpose="webhook-signing")
LEDGER = {"calls": [], "buys": []}
REFUSALS = {  # the errors of a task; recovery distinguishes the two
    "failed": AdcpError("POLICY_VIOLATION", recovery="correctable", message="The trafficker returned the order"),
    "rejected": AdcpError("POLICY_VIOLATION", recovery="terminal", message="The publisher declined the order"),
}
deliveries = set()  # asyncio has only weak references to tasks: one may be collected too early


def documents():
    # A buyer looks for the agent by the URL that it calls: one entry for each transport.
    agents = [
        {"type": "sales", "id": transport, "url": ORIGIN + path, "jwks_uri": ORIGIN + "/jwks.json"}
        for transport, path in (("mcp", "/mcp"), ("a2a", "/"))
    ]
    return {
        "/brand.json": {"house": {"domain": HOST, "name": "PyPI seller"}, "agents": agents},
        "/jwks.json": {"keys": [JWK]},
        "/ledger": LEDGER,
        "/proposal": SELLER.propose(),
    }


def sender(push):
    """Returns the SDK's sender in the mode that the buyer requires. Without
    allow_private_destinations it refuses loopback addresses."""
    wanted = push.get("authentication") or {}
    scheme = (wanted.get("schemes") or [None])[0]
    if scheme == "HMAC-SHA256":
        return WebhookSender.from_adcp_legacy_hmac(
            wanted["credentials"].encode(), key_id="pypi-seller", allow_private_destinations=True)
    if scheme == "Bearer":
        return WebhookSender.from_bearer_token(wanted["credentials"], allow_private_destinations=True)
    return WebhookSender.from_pem(PEM, key_id=JWK["kid"], alg="ed25519", allow_private_destinations=True)


async def deliver(push, task_id, task_type, status, result):
    async with sender(push) as s:
        r = await InMemoryWebhookDeliverySupervisor(s).send_mcp(
            url=push["url"], task_id=task_id, task_type=task_type, status=status, result=result,
            operation_id=push.get("operation_id"), token=push.get("token"))
        event = {"event": "webhook", "task_id": task_id, "status": status, "http": r.status_code if r else None}
        print(json.dumps(event), flush=True)


class Seller(Compact, DecisioningPlatform):
    capabilities = DecisioningCapabilities(
        specialisms=["sales-guaranteed"],
        channels=["display"],
        account=Account(supported_billing=["agent"]),
        media_buy=MediaBuy(supported_pricing_models=["cpm"], **({"lifecycle_tools": TOOLS} if "3.2" in VERSIONS else {})),
        webhook_signing=WebhookSigning(
            supported=True,
            profile="adcp/webhook-signing/v1",
            algorithms=["ed25519"],
            legacy_hmac_fallback=True,
            delivery_retry_horizon_seconds=86_400,
        ),
        webhook_signing_managed_externally=True,  # the SDK's own webhooks have one mode for all buyers
    )
    accounts = SingletonAccounts(account_id="acct_a")
    ledger = LEDGER

    def create_media_buy(self, req, ctx):
        request = req.model_dump(mode="json", exclude_none=True)

        def sell(task_id):
            buy = f"mb_{uuid.uuid4().hex[:8]}"
            LEDGER["buys"].append({"media_buy_id": buy, "task_id": task_id, "po_number": request.get("po_number")})
            self.buys[buy] = {"revision": 1, "status": "pending_creatives", "context": request.get("context")}
            return {
                "media_buy_id": buy,
                "media_buy_status": "pending_creatives",
                "revision": 1,
                "confirmed_at": datetime.now(timezone.utc).isoformat(),
                "packages": [
                    {
                        "package_id": f"{buy}_p{i}",
                        "product_id": p["product_id"],
                        "budget": p["budget"],
                        "pricing_option_id": p["pricing_option_id"],
                    }
                    for i, p in enumerate(request.get("packages", []))
                ],
            }

        return self.work(request, ctx, "create_media_buy", sell)

    def work(self, request, ctx, task_type, do):
        """Does a task at once, or hands it off, as the request's ext.adcp_demo says."""
        demo = {"delay_ms": 1500, "outcome": "completed", "webhook": "normal"}
        demo |= (request.get("ext") or {}).get("adcp_demo", {})
        push = request.get("push_notification_config")

        async def later(task):
            await asyncio.sleep(demo["delay_ms"] / 1000)
            error = REFUSALS.get(demo["outcome"])
            result = {"errors": [error.to_wire()]} if error else do(task.id)
            if push and demo["webhook"] != "none":
                # Concurrently, so that a poll in between finds the result.
                d = asyncio.create_task(deliver(push, task.id, task_type, demo["outcome"], result))
                deliveries.add(d)
                d.add_done_callback(deliveries.discard)
            if error:
                raise error
            return result

        return do(None) if demo["outcome"] == "sync" else ctx.handoff_to_task(later)

    # The other tools that a guaranteed seller must have.
    def get_products(self, req, ctx):
        return {"products": []}

    def update_media_buy(self, media_buy_id, patch, ctx):
        return {"media_buy_id": media_buy_id, "media_buy_status": "active", "revision": 2}

    def get_media_buy_delivery(self, req, ctx):
        period = {"start": "2027-05-01T00:00:00Z", "end": "2027-05-31T23:59:59Z"}
        return {"currency": "USD", "reporting_period": period, "media_buy_deliveries": []}

    def sync_creatives(self, req, ctx):
        return {"creatives": []}

    def list_creative_formats(self, req, ctx):
        return {"formats": []}


async def count(skill, params, context, call_next):
    """Counts each tool call before the platform gets it."""
    if skill in ("create_media_buy", "buy_products", "accept_proposal"):
        LEDGER["calls"].append({"po_number": params.get("po_number") or params.get("purchase_order_ref")})
    return await call_next()


SELLER = Seller()


def route(path):
    async def answer(_):
        return JSONResponse(documents()[path])

    return Route(path, answer)


serve(
    SELLER,
    name="pypi-seller",
    host=HOST,
    port=PORT,
    transport="both",
    auto_emit_task_webhooks=False,
    adcp_version=VERSIONS[0],
    supported_versions=VERSIONS,
    middleware=[count],
    unauthenticated_routes=[route(path) for path in documents()],
    auth=BearerTokenAuth(
        validate_token=validator_from_token_map({TOKEN: Principal(caller_identity="buyer", tenant_id="t1")})
    ),
)

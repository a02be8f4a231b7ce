"""A sales agent on PyPI's a2a-sdk that requests input before it buys: its task is input-required
until the buyer answers. Tasks, contexts and their rules are the SDK's own. It listens on loopback
only. The tests of infra/dev/e2e run it in the Python environment of infra/local/senders.

Environment: PORT, TOKEN (the buyer's bearer token).
  GET /ledger    create_media_buy calls and buys by po_number, as in seller/ledger.mjs
ext.answer of a request decides: "yes" buys, "no way" fails the task for good, and anything else, or
nothing, requests input (again).
"""

import json
import os
import uuid

import uvicorn
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

HOST, PORT, TOKEN = "127.0.0.1", int(os.environ["PORT"]), os.environ["TOKEN"]
LEDGER = {"calls": [], "buys": []}
RESULTS = {}  # by idempotency key, so that a repeated request buys nothing


def part(data):
    return Part(data=ParseDict(data, Value()))


def capabilities():
    return {
        "adcp": {
            "major_versions": [3],
            "supported_versions": ["3.1"],
            "idempotency": {"supported": True, "replay_ttl_seconds": 86400},
        },
        "supported_protocols": ["media_buy"],
    }


class Seller(AgentExecutor):
    async def execute(self, context, event_queue):
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        call = MessageToDict(context.message.parts[0].data)
        args = call["parameters"]
        if call["skill"] == "get_adcp_capabilities":
            return await self.done(updater, capabilities())
        if call["skill"] != "create_media_buy":
            return await updater.failed(updater.new_agent_message([Part(text="no such skill")]))
        key, po, answer = args["idempotency_key"], args.get("po_number"), args.get("ext", {}).get("answer")
        LEDGER["calls"].append({
            "po_number": po,
            "key": key,
            "task": task.id,
            "context": task.context_id,
            "answer": answer,
        })
        if answer == "no way":
            error = {"code": "POLICY_VIOLATION", "message": "Not with us", "recovery": "terminal"}
            return await updater.failed(updater.new_agent_message([part({"adcp_error": error})]))
        if answer != "yes":
            prompt = {"reason": "APPROVAL_REQUIRED", "message": "Is the flight over the holidays meant?"}
            return await updater.requires_input(updater.new_agent_message([part(prompt)]))
        if key not in RESULTS:
            RESULTS[key] = {
                "status": "completed",
                "media_buy_id": "mb_" + uuid.uuid4().hex[:12],
                "media_buy_status": "pending_start",
                "packages": [],
            }
            LEDGER["buys"].append({"po_number": po, "media_buy_id": RESULTS[key]["media_buy_id"]})
        await self.done(updater, RESULTS[key])

    async def done(self, updater, data):
        await updater.add_artifact([part(data)])
        await updater.complete()

    async def cancel(self, context, event_queue):
        raise NotImplementedError


class Bearer(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        if request.method == "POST" and request.headers.get("authorization") != "Bearer " + TOKEN:
            return JSONResponse({"error": "unauthorized"}, 401)
        return await call_next(request)


async def ledger(_):
    return JSONResponse(LEDGER)


def card():
    interface = AgentInterface(url=f"http://{HOST}:{PORT}/", protocol_binding="JSONRPC", protocol_version="1.0")
    return AgentCard(
        name="asking",
        description="requests input before it buys",
        version="1",
        capabilities=AgentCapabilities(),
        skills=[
            AgentSkill(id=s, name=s, description=s, tags=["adcp"])
            for s in ("get_adcp_capabilities", "create_media_buy")
        ],
        default_input_modes=["application/json"],
        default_output_modes=["application/json"],
        supported_interfaces=[interface],
    )


if __name__ == "__main__":
    handler = DefaultRequestHandler(agent_executor=Seller(), task_store=InMemoryTaskStore(), agent_card=card())
    routes = [*create_agent_card_routes(card()), *create_jsonrpc_routes(handler, "/"), Route("/ledger", ledger)]
    uvicorn.run(Starlette(routes=routes, middleware=[Middleware(Bearer)]), host=HOST, port=PORT, log_level="warning")

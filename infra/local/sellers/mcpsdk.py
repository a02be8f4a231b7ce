"""A sales agent on PyPI's mcp that fails after it has bought: streamable HTTP, stateless. What a
client gets for a failure is the SDK's own choice. It listens on loopback only. The tests of
infra/dev/e2e run it in the Python environment of infra/local/senders.

Environment, paths and ext.adcp_demo are those of mcpsdk.mjs, without ADCP_LOCAL_NPM. Here too,
lowlevel is the SDK's Server; MCPServer makes a text of what a tool raises, unless it is the SDK's
own error.
"""

import contextlib
import json
import logging
import os
import uuid
from datetime import datetime, timezone
from itertools import product

import uvicorn
from mcp import MCPError, types
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context, MCPServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

HOST, PORT, TOKEN = "127.0.0.1", int(os.environ["PORT"]), os.environ["TOKEN"]
LEDGER = {"calls": [], "buys": []}
BUYS = []  # as get_media_buys shows them
BOUGHT = {}  # idempotency key -> buy


def answer(value, is_error=False):
    content = [types.TextContent(type="text", text=json.dumps(value))]
    return types.CallToolResult(content=content, structured_content=value, is_error=is_error)


def refuse(code, recovery):
    error = {"code": code, "recovery": recovery, "message": "The ad server did not answer in time"}
    return answer({"adcp_error": error}, is_error=True)


def fail(demo):
    match demo["fail"]:
        case "broken_result":  # the SDK's own model refuses it, inside the tool
            return types.CallToolResult(content=[{"type": "text"}])
        case "rpc":
            raise MCPError(demo["code"], "The ad server did not answer in time")
        case "exception":
            raise RuntimeError("The ad server did not answer in time")
        case "unavailable":
            return refuse("SERVICE_UNAVAILABLE", "transient")
        case "internal":
            return refuse("INTERNAL_ERROR", "terminal")


GATEWAY = ("http", "close", "cut")  # the gateway fails, and not the tool


def is_first(args):
    return {"po_number": args.get("po_number")} not in LEDGER["calls"]


def buy(request):
    buy_id = f"mb_{uuid.uuid4().hex[:8]}"
    made = {
        "media_buy_id": buy_id,
        "status": "pending_start",
        "confirmed_at": datetime.now(timezone.utc).isoformat(),
        "revision": 1,
        "currency": "USD",
        "total_budget": sum(p["budget"] for p in request["packages"]),
        "packages": [p | {"package_id": f"{buy_id}_p{i}"} for i, p in enumerate(request["packages"])],
        "context": request.get("context"),
    }
    BUYS.append(made)
    BOUGHT[request["idempotency_key"]] = made
    LEDGER["buys"].append({"media_buy_id": buy_id, "po_number": request.get("po_number")})
    return made


def get_adcp_capabilities(words, args):
    replays = {"supported": True, "replay_ttl_seconds": 86400}
    return answer({
        "status": "completed",
        "adcp": {
            "major_versions": [3],
            "supported_versions": ["3.1"],
            "idempotency": {"supported": False} if "plain" in words else replays,
        },
        "supported_protocols": ["media_buy"],
    })


def create_media_buy(words, args):
    first = is_first(args)
    LEDGER["calls"].append({"po_number": args.get("po_number")})
    known = None if "plain" in words else BOUGHT.get(args["idempotency_key"])
    made = known or buy(args)
    demo = (args.get("ext") or {}).get("adcp_demo") or {}
    if "fail" in demo and demo["fail"] not in GATEWAY and (first or demo.get("always")):
        return fail(demo)
    status = {"media_buy_status": made["status"], "status": "completed"}
    return answer(made | status | {"replayed": known is not None})


def get_media_buys(words, args):
    ids, statuses = args.get("media_buy_ids"), args.get("status_filter", ["active"])
    statuses = [statuses] if isinstance(statuses, str) else statuses
    shown = [b for b in BUYS if (b["media_buy_id"] in ids if ids else b["status"] in statuses)]
    return answer({"status": "completed", "media_buys": shown, "pagination": {"has_more": False}})


def get_task_status(words, args):  # all answers are final, so there is no task
    return refuse("REFERENCE_NOT_FOUND", "correctable")


def lowlevel(words, tools):
    async def list_tools(ctx, params):
        return types.ListToolsResult(tools=[types.Tool(name=t, input_schema={"type": "object"}) for t in tools])

    async def call_tool(ctx, params):
        return tools[params.name](words, params.arguments)

    return Server("mcpsdk", on_list_tools=list_tools, on_call_tool=call_tool)


def mcpserver(words, tools):
    server = MCPServer("mcpsdk")
    for name, tool in tools.items():
        server.add_tool(with_raw_arguments(words, tool), name=name)
    return server


def with_raw_arguments(words, tool):
    """Returns a function for MCPServer, which would pass on only arguments that it declares."""

    async def run(ctx: Context) -> types.CallToolResult:
        return tool(words, ctx.request_context.params["arguments"])

    return run


class Bearer(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        if request.method == "POST" and request.headers.get("authorization") != "Bearer " + TOKEN:
            return JSONResponse({"error": "unauthorized"}, 401)
        return await call_next(request)


class Gateway:
    """Stands before the SDK's servers and loses their answers to purchases that say so."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self.app(scope, receive, send)
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def again():
            return messages.pop() if messages else await receive()

        demo = lost_answer(json.loads(body))
        if demo is None:
            return await self.app(scope, again, send)

        async def discard(_):
            pass

        await self.app(scope, again, discard)
        await fail_at_gateway(demo, send)


def lost_answer(message):
    params = message.get("params") or {}
    args = params.get("arguments") or {}
    demo = (args.get("ext") or {}).get("adcp_demo") or {}
    lost = params.get("name") == "create_media_buy" and demo.get("fail") in GATEWAY
    return demo if lost and (demo.get("always") or is_first(args)) else None


async def fail_at_gateway(demo, send):
    transport = send.__self__.transport  # uvicorn's, of the connection
    if demo["fail"] == "http":
        page = b"<html><body>The upstream server did not answer</body></html>" if demo.get("body") else b""
        headers = [(b"content-type", b"text/html")] if page else []
        await send({"type": "http.response.start", "status": demo["code"], "headers": headers})
        return await send({"type": "http.response.body", "body": page})
    if demo["fail"] == "cut":
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"jsonrpc":"2.0","id":', "more_body": True})
    transport.close()


async def ledger(_):
    return JSONResponse(LEDGER)


def main():
    routes, servers = [Route("/ledger", ledger)], []
    tools = [get_adcp_capabilities, create_media_buy, get_media_buys, get_task_status]
    for choice in product([None, "lowlevel"], [None, "plain"], [None, "unlisted"]):
        words = [w for w in choice if w]
        offered = {t.__name__: t for t in tools if t is not get_media_buys or "unlisted" not in words}
        server = (lowlevel if "lowlevel" in words else mcpserver)(words, offered)
        path = "/".join(["/mcp", *words])
        routes += server.streamable_http_app(streamable_http_path=path, stateless_http=True).routes
        servers.append(server)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        async with contextlib.AsyncExitStack() as stack:
            for server in servers:
                await stack.enter_async_context(server.session_manager.run())
            yield

    logging.disable(logging.ERROR)  # the SDK logs each failure with its traceback
    app = Starlette(routes=routes, middleware=[Middleware(Bearer)], lifespan=lifespan)
    uvicorn.run(Gateway(app), host=HOST, port=PORT, log_level="warning")


if __name__ == "__main__":
    main()

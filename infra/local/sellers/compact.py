"""The compact life cycle of AdCP 3.2 for the seller of pypi.py: buy_products, accept_proposal and
control_media_buy. The seller has one product, and a new proposal for whoever asks propose for one.
"""

import asyncio
import uuid
from datetime import datetime, timedelta, timezone

from adcp.decisioning import AdcpError
from adcp.negotiation import compute_terms_digest

PRICING = {"pricing_option_id": "po_cpm", "pricing_model": "cpm", "fixed_price": 10, "currency": "USD"}
CONTROLS = [{"task": "control_media_buy", "action": a, "mode": "self_serve"} for a in ("pause", "resume", "cancel")]
TOOLS = ["buy_products", "accept_proposal", "control_media_buy"]


def wire(req):
    return req.model_dump(mode="json", exclude_none=True)


def now():
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


def terms_of(brand, start, end, budget):
    purchase = {
        "product_id": "prod_1",
        "pricing_option_id": PRICING["pricing_option_id"],
        "pricing": PRICING,
        "budget": budget,
        "start_time": start,
        "end_time": end,
    }
    return {"brand": brand, "purchases": [purchase], "start_time": start, "end_time": end}


class Compact:
    """What a seller needs beside Seller. ledger is that of pypi.py, and work runs a task the way that
    the request's ext.adcp_demo says."""

    ledger: dict
    work: object

    def __init__(self):
        super().__init__()
        self.buys, self.proposals = {}, {}

    def propose(self):
        """Returns a new proposal, to which the seller has committed itself elsewhere."""
        # The flight is in the future of any clock that a test has.
        terms = terms_of({"domain": "acme.example"}, "2027-04-01T00:00:00Z", "2027-06-30T23:59:59Z", 5000)
        proposal = {
            "proposal_id": f"prop_{uuid.uuid4().hex[:8]}",
            "proposal_kind": "new_media_buy",
            "proposal_status": "committed",
            "expires_at": (datetime.now(timezone.utc) + timedelta(days=1)).isoformat().replace("+00:00", "Z"),
            "name": "Spring",
            "commercial_terms": terms,
            "terms_digest": compute_terms_digest(terms),
        }
        self.proposals[proposal["proposal_id"]] = proposal
        return proposal

    def buy_products(self, req, ctx):
        request = wire(req)
        brand = request.get("brand") or request["account"].get("brand") or {"domain": "acme.example"}
        budget = sum(p.get("budget", 0) for p in request["purchases"])
        terms = terms_of(brand, request["start_time"], request["end_time"], budget)
        proposal = {"proposal_id": f"prop_{uuid.uuid4().hex[:8]}", "proposal_kind": "new_media_buy", "name": "Direct"}
        return self.commit(request, ctx, "buy_products", proposal, terms)

    def accept_proposal(self, req, ctx):
        request = wire(req)
        proposal = self.proposals.get(request["proposal_id"])
        if not proposal:
            raise AdcpError("PROPOSAL_NOT_FOUND", recovery="correctable", message="there is no such proposal")
        if proposal["terms_digest"] != request["proposal_terms_digest"]:
            raise AdcpError("VALIDATION_ERROR", recovery="correctable", message="the terms are others")
        kept = {k: proposal[k] for k in ("proposal_id", "proposal_kind", "name")}
        return self.commit(request, ctx, "accept_proposal", kept, proposal["commercial_terms"])

    def commit(self, request, ctx, task_type, proposal, terms):
        def sell(task_id):
            buy = f"mb_{uuid.uuid4().hex[:8]}"
            self.ledger["buys"].append(
                {"media_buy_id": buy, "task_id": task_id, "po_number": request.get("purchase_order_ref")})
            self.buys[buy] = {"revision": 1, "status": "active", "context": request.get("context")}
            return {
                "status": "completed",
                "media_buy_id": buy,
                "revision": 1,
                "media_buy_status": "active",
                "confirmed_at": now(),
                "accepted_proposal": proposal | {
                    "proposal_status": "accepted",
                    "media_buy_id": buy,
                    "accepted_at": now(),
                    "commercial_terms": terms,
                    "terms_digest": compute_terms_digest(terms),
                },
                "purchase_bindings": [
                    {"purchase_index": i, "product_id": p["product_id"], "package_id": f"{buy}_p{i}"}
                    for i, p in enumerate(terms["purchases"])
                ],
                "available_actions": CONTROLS,
            }

        return self.work(request, ctx, task_type, sell)

    def control_media_buy(self, req, ctx):
        request = wire(req)
        buy = self.buys.get(request["media_buy_id"])
        if not buy:
            raise AdcpError("MEDIA_BUY_NOT_FOUND", recovery="correctable", message="there is no such buy")
        if buy["revision"] != request["revision"]:
            raise AdcpError("CONFLICT", recovery="transient", message="the revision is another")

        def change(task_id):
            buy["revision"] += 1
            if request.get("canceled"):
                buy["status"] = "canceled"
            elif "paused" in request:
                buy["status"] = "paused" if request["paused"] else "active"
            return {
                "status": "completed",
                "media_buy_id": request["media_buy_id"],
                "revision": buy["revision"],
                "media_buy_status": buy["status"],
                "available_actions": [] if request.get("canceled") else CONTROLS,
            }

        return self.work(request, ctx, "control_media_buy", change)

    def get_media_buys(self, req, ctx):
        # No package and budget is read by anybody here.
        return {"media_buys": [
            {"media_buy_id": i, "status": b["status"], "revision": b["revision"], "currency": "USD", "packages": [],
             "total_budget": 5000, "confirmed_at": now(), **({"context": b["context"]} if b["context"] else {})}
            for i, b in self.buys.items()
        ]}

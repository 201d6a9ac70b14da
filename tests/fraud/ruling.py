"""Policies as tests write them, over the wire, and the checkout that they rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rig import ACCOUNTABLE, Api, Shop, open_shop, stamp, until
from wallet.v1 import admin_pb2, fraud_pb2, review_pb2, types_pb2

START = datetime(2037, 3, 1, tzinfo=UTC)
"""After every wallet was opened: the time of a wallet never runs backwards. A midnight, where buckets begin."""


def limit(name: str = "LIMITED", **fields: Any) -> dict[str, Any]:
    measured = {"measure": "count", "window": "hour", "above": 2} if "measure" not in fields else {}
    return {"name": name, "verdict": "refuse", **measured, **fields}


def device(fingerprint: str = "", **fields: Any) -> types_pb2.Device:
    return types_pb2.Device(fingerprint=fingerprint, **fields)


async def rule(api: Api, program_id: str, *limits: dict[str, Any], **fields: Any) -> int:
    """Put a policy in force; returns its version."""
    request = fraud_pb2.PutFraudPolicyRequest(
        program_id=program_id, document=json.dumps({"limits": limits, **fields}), accountability=ACCOUNTABLE
    )
    return (await api(request)).policy.version


class RuledShop:
    """A shop with a test clock and a policy."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.api, self.now = shop, shop.api, START

    @property
    def program_id(self) -> str:
        return self.shop.program.program_id

    async def at(self, moment: datetime) -> None:
        self.now = moment
        await self.api(
            admin_pb2.AdvanceClockRequest(
                program_id=self.program_id, to=stamp(moment), accountability=ACCOUNTABLE
            )
        )

    async def later(self, **span: float) -> None:
        await self.at(self.now + timedelta(**span))

    async def rule(self, *limits: dict[str, Any], **fields: Any) -> int:
        return await rule(self.api, self.program_id, *limits, **fields)

    async def reserve(self, amount: int = 100, *, wallet_id: str = "", **more: Any) -> Any:
        wallet = types_pb2.WalletRef(wallet_id=wallet_id or self.shop.wallet_id)
        return await self.api(self.shop.reserve(amount, wallet=wallet, **more))


async def only_case(ruled: RuledShop) -> review_pb2.GetCaseResponse:
    """Wait until there is a case, and return it with its evidence."""
    found: list[review_pb2.Case] = []

    async def opened() -> bool:
        found[:] = (await ruled.api(review_pb2.ListCasesRequest(program_id=ruled.program_id))).cases
        return bool(found)

    await until(opened, 10)
    (case,) = found
    return await ruled.api(review_pb2.GetCaseRequest(case_id=case.case_id))


async def open_ruled(api: Api, *limits: dict[str, Any], balance: int = 1_000_000, **fields: Any) -> RuledShop:
    ruled = RuledShop(await open_shop(api, balance, sandbox=True))
    await ruled.at(START)
    await ruled.rule(*limits, **fields)
    return ruled

"""A purchase earns, and part of it comes back, against a running service.

Start one with `make run`, then: `python clients/python/examples/earning.py --token "$(wallet token)"`.
`WALLET_TARGET` and `WALLET_TOKEN` are taken from the environment where the options are not given.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from datetime import UTC, datetime

from wallet_client import (
    AsyncWalletClient,
    EventState,
    OrderLine,
    PurchaseEvent,
    RecordedEvent,
    ReturnedLine,
    ReturnEvent,
    ReturnStage,
    earn_event,
    errors,
    new_id,
)

RULES = {
    "time_zone": "Europe/Berlin",
    "groups": [{"name": "rates", "mode": "best", "level": "line"}],
    "rules": [
        {"rule_id": "base", "title": "1 % on everything", "group": "rates", "give": {"basis_points": 100}},
        {
            "rule_id": "dairy",
            "title": "5 % on dairy",
            "group": "rates",
            "give": {"basis_points": 500},
            "when": {"categories": ["food/dairy"]},
        },
    ],
}
WORKED_SECONDS_MAX = 10.0
UNDER_WAY = {EventState.EVENT_STATE_HELD, EventState.EVENT_STATE_CLEARED}


async def publish_rules(client: AsyncWalletClient, program_id: str) -> None:
    """Put the rules in force, unless some are already."""
    if [version async for version in client.rules.history(program_id, page_size=1)]:
        return
    draft = await client.rules.put_draft(
        program_id, "example", json.dumps(RULES), actor="example", reason="an example"
    )
    for finding in draft.findings:
        print(f"finding    {finding.path}: {finding.message}")
    await client.rules.publish(
        program_id, "example", expected_version=0, actor="example", reason="an example"
    )


async def worked(client: AsyncWalletClient, customer: tuple[str, str], event_id: str) -> RecordedEvent:
    """Wait until an event has been decided and had its effect."""
    async with asyncio.timeout(WORKED_SECONDS_MAX):
        while True:
            event = await client.earning.get(customer, event_id)
            if event.state not in UNDER_WAY:
                return event
            await asyncio.sleep(0.1)


async def earn(client: AsyncWalletClient, customer: tuple[str, str]) -> None:
    """Tell a purchase, read why it earned what it did, return one line of it."""
    await client.wallet.open(*customer)
    await publish_rules(client, customer[0])
    order_ref = f"order-{new_id()[:8]}"
    bought = PurchaseEvent(
        order_ref=order_ref,
        currency="EUR",
        lines=[
            OrderLine(sku="milk", category="food/dairy", quantity=2, unit_price_minor=499),
            OrderLine(sku="bread", category="food/bakery", quantity=1, unit_price_minor=501),
        ],
    )
    event = earn_event(
        customer,
        bought,
        source="till-7",
        source_event_id=f"bought-{order_ref}",
        occurred_at=datetime.now(UTC),
    )
    recorded = await client.earning.record(event)
    again = await client.earning.record(event)
    print(f"recorded   {recorded.event_id}, and told twice it is a replay: {again.replayed}")
    credited = await worked(client, customer, recorded.event_id)
    print(f"earned     {credited.amount_minor} cents: {EventState.Name(credited.state)}")
    for award in (await client.earning.explain(customer, recorded.event_id)).awards:
        print(f"because    {award.explanation}")

    back = ReturnEvent(
        order_ref=order_ref,
        return_ref="r1",
        stage=ReturnStage.RETURN_STAGE_ACCEPTED,
        lines=[ReturnedLine(line=0, quantity=1)],
    )
    returned = await client.earning.record(
        earn_event(
            customer,
            back,
            source="till-7",
            source_event_id=f"back-{order_ref}",
            occurred_at=datetime.now(UTC),
        )
    )
    await worked(client, customer, returned.event_id)
    kept = await client.earning.get(customer, recorded.event_id)
    print(f"returned   one milk takes {kept.clawed_back_minor} of {kept.amount_minor} cents back")
    print(f"balance    {(await client.wallet.get(customer)).balance.pending_minor} cents pending")


async def main() -> None:
    """Read the options and earn once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", default=os.environ.get("WALLET_TARGET", "127.0.0.1:50051"))
    parser.add_argument("--token", default=os.environ.get("WALLET_TOKEN", ""))
    parser.add_argument("--program", default="demo")
    parser.add_argument("--customer", default="example-customer")
    chosen = parser.parse_args()
    async with AsyncWalletClient(chosen.target, token=chosen.token) as client:
        try:
            await earn(client, (chosen.program, chosen.customer))
        except errors.WalletError as error:
            raise SystemExit(f"{type(error).__name__}: {error}") from error


if __name__ == "__main__":
    asyncio.run(main())

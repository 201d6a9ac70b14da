"""A stolen account is held at the checkout, and a person decides, against a running service.

Start one with `make run`, then: `python clients/python/examples/review.py --token "$(wallet token)"`.
`WALLET_TARGET` and `WALLET_TOKEN` are taken from the environment where the options are not given. `--approve` lets the
reviewer believe the customer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os

from wallet_client import (
    AsyncWalletClient,
    Case,
    CaseAct,
    Device,
    EntryKind,
    Order,
    ReservationState,
    ReviewState,
    errors,
    new_id,
)

BALANCE = 8_000
POLICY = {
    "title": "Nobody empties a wallet from a device it was never seen with",
    "limits": [
        {
            "name": "TAKEOVER",
            "measure": "link_age",
            "below": 86_400,
            "from_share_bp": 9_000,
            "from_minor": 500,
            "verdict": "review",
        }
    ],
}
KNOWN_SECONDS_MAX = 10.0
REVIEWER = "rita"


async def put_policy(client: AsyncWalletClient, program_id: str) -> None:
    """Put the policy in force, unless the program has one."""
    if not [version async for version in client.fraud.history(program_id, page_size=1)]:
        await client.fraud.put_policy(
            program_id, json.dumps(POLICY), actor="example", reason="an example", expected_version=0
        )


async def case_about(client: AsyncWalletClient, customer: tuple[str, str], reservation_id: str) -> Case:
    """Wait until the worker has opened the case."""
    async with asyncio.timeout(KNOWN_SECONDS_MAX):
        while True:
            async for case in client.review.cases(customer[0], wallet=customer):
                if case.subject_id == reservation_id:
                    return case
            await asyncio.sleep(0.1)


async def acts_of(client: AsyncWalletClient, case: Case) -> list[CaseAct]:
    """Wait until the hold knows of the decision; returns what was done about the case."""
    async with asyncio.timeout(KNOWN_SECONDS_MAX):
        while True:
            found = await client.review.case(case.case_id)
            if found.case.applied:
                return list(found.acts)
            await asyncio.sleep(0.1)


async def decide(client: AsyncWalletClient, case: Case, *, approve: bool) -> None:
    """Let Rita look at what was known, and decide."""
    found = await client.review.case(case.case_id)
    for signal in found.evidence.signals:
        print(f"evidence   {signal.name}: {signal.value}")
    await client.review.take(case.case_id, reviewer=REVIEWER)
    if approve:
        await client.review.approve(case.case_id, "she has a new phone, I called her", reviewer=REVIEWER)
    else:
        await client.review.reject(case.case_id, "she knows nothing of it", reviewer=REVIEWER)
    for act in reversed(await acts_of(client, case)):
        print(
            f"acts       {act.kind} by {act.actor or 'the worker'}"
            + (f": {act.reason}" if act.reason else "")
        )


async def story(client: AsyncWalletClient, customer: tuple[str, str], *, approve: bool) -> None:
    """Hold, be told to wait, decide, and go on."""
    await put_policy(client, customer[0])
    await client.wallet.open(*customer)
    await client.wallet.adjust(customer, BALANCE, actor="example", reason="something worth stealing")
    order = Order(order_ref=f"order-{new_id()[:8]}", total_minor=19_900, currency="EUR")
    stranger = Device(fingerprint=f"never seen before {new_id()}", address="203.0.113.7")
    hold = await client.checkout.reserve(customer, 7_500, order, device=stranger)
    waits = ReviewState.Name(hold.reservation.review)
    print(f"reserve    {hold.reservation_id}: 75.00 of 80.00 held, {waits}")
    try:
        await hold.commit()
    except errors.UnderReview as refused:
        print(f"commit     {refused}")

    case = await case_about(client, customer, hold.reservation_id)
    print(f"case       {case.case_id}: {', '.join(case.reasons)}")
    await decide(client, case, approve=approve)
    try:
        spent = await hold.commit()
        print(f"commit     {spent.committed_minor} cents spent")
    except errors.ReservationRejected as refused:
        print(f"commit     {refused}")
    ended = await client.checkout.get(customer, hold.reservation_id)
    print(f"reserve    {ReservationState.Name(ended.state)}, {ReviewState.Name(ended.review)}")
    async for entry in client.wallet.entries(customer, page_size=3):
        who = f" by {entry.actor}: {entry.reason}" if entry.actor else ""
        print(f"ledger     #{entry.seq} {EntryKind.Name(entry.kind)} {entry.amount_minor}{who}")


async def main() -> None:
    """Read the options and play the story once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", default=os.environ.get("WALLET_TARGET", "127.0.0.1:50051"))
    parser.add_argument("--token", default=os.environ.get("WALLET_TOKEN", ""))
    parser.add_argument("--program", default="demo")
    parser.add_argument("--customer", default=f"example-{new_id()[:8]}")
    parser.add_argument("--approve", action="store_true")
    chosen = parser.parse_args()
    async with AsyncWalletClient(chosen.target, token=chosen.token) as client:
        try:
            await story(client, (chosen.program, chosen.customer), approve=chosen.approve)
        except errors.WalletError as error:
            raise SystemExit(f"{type(error).__name__}: {error}") from error


if __name__ == "__main__":
    asyncio.run(main())

"""One checkout, step by step, against a running service.

Start one with `make run`, then: `python clients/python/examples/checkout.py --token "$(wallet token)"`.
`WALLET_TARGET` and `WALLET_TOKEN` are taken from the environment where the options are not given.
"""

from __future__ import annotations

import argparse
import asyncio
import os

from wallet_client import AsyncWalletClient, LimitKind, Order, ReservationState, Wallet, errors, new_id

LEAST_TO_SPEND = 2_000
ENTRIES_SHOWN = 5


def euros(amount_minor: int) -> str:
    """Return an amount for a person."""
    return f"{amount_minor / 100:.2f}"


async def funded_wallet(client: AsyncWalletClient, customer: tuple[str, str]) -> Wallet:
    """Open the customer's wallet and make sure that there is something to spend."""
    wallet = await client.wallet.open(*customer)
    if wallet.balance.available_minor < LEAST_TO_SPEND:
        wallet = await client.wallet.adjust(
            customer, LEAST_TO_SPEND, actor="example", reason="to have something to spend"
        )
    return wallet


async def checkout(client: AsyncWalletClient, customer: tuple[str, str]) -> None:
    """Quote, reserve on a phone, be refused on a laptop, commit a part, read the history."""
    wallet = await funded_wallet(client, customer)
    print(f"balance    {euros(wallet.balance.available_minor)} available")

    order = Order(order_ref=f"order-{new_id()[:8]}", total_minor=9_900, currency="EUR")
    quote = await client.checkout.quote(customer, order, maximum=True, device="phone")
    limits = ", ".join(LimitKind.Name(limit.kind).removeprefix("LIMIT_KIND_") for limit in quote.limits)
    print(
        f"quote      {euros(quote.amount_minor)} of {euros(order.total_minor)} from the wallet, "
        f"{euros(quote.left_to_pay_minor)} by card" + (f" (limited by {limits})" if limits else "")
    )

    async with client.reservation(
        customer, quote.amount_minor, order, quote_token=quote.quote_token, device="phone"
    ) as hold:
        print(f"phone      holds {euros(hold.reservation.amount_minor)}")
        try:
            second = Order(order_ref=f"order-{new_id()[:8]}", total_minor=9_900, currency="EUR")
            await client.checkout.reserve(customer, wallet.balance.available_minor, second, device="laptop")
        except errors.Refused as refused:
            print(f"laptop     refused: {refused}")
        # Here the card is charged for the rest; an exception would give the hold back.
        spent = await hold.commit(amount_minor=quote.amount_minor // 2)
        print(f"commit     {euros(spent.committed_minor)} spent, the rest is given back at once")

    seen = 0
    async for entry in client.wallet.entries(customer, page_size=ENTRIES_SHOWN):
        print(
            f"history    #{entry.seq:<4} {euros(entry.amount_minor):>8}  balance {euros(entry.balance.available_minor)}"
        )
        seen += 1
        if seen == ENTRIES_SHOWN:
            break
    held = [ReservationState.RESERVATION_STATE_HELD]
    still_open = [r.reservation_id async for r in client.checkout.reservations(customer, states=held)]
    wallet = await client.wallet.get(customer)
    print(
        f"balance    {euros(wallet.balance.available_minor)} available, {len(still_open)} reservations open"
    )


async def main() -> None:
    """Read the options and run one checkout."""
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
            await checkout(client, (chosen.program, chosen.customer))
        except errors.WalletError as error:
            raise SystemExit(f"{type(error).__name__}: {error}") from error


if __name__ == "__main__":
    asyncio.run(main())

"""Pay a part of an order with a wallet. Start a service with `make run`, then give this WALLET_TOKEN=$(wallet token)."""

import os

from wallet_client import Order, WalletClient, errors, new_id

anna = ("demo", "anna")  # a program, and your own reference of the customer
order = Order(order_ref=f"order-{new_id()[:8]}", total_minor=4_990, currency="EUR")
target = os.environ.get("WALLET_TARGET", "127.0.0.1:50051")

with WalletClient(target, token=os.environ["WALLET_TOKEN"]) as client:
    client.wallet.open(*anna)
    client.wallet.adjust(anna, 2_000, actor="me", reason="20.00 EUR to spend")
    quote = client.checkout.quote(anna, order, maximum=True)
    print(f"{quote.amount_minor} cents from the wallet, {quote.left_to_pay_minor} by card")
    try:
        with client.reservation(anna, quote.amount_minor, order, quote_token=quote.quote_token) as hold:
            # Charge the card here: an exception gives the hold back.
            hold.commit()
    except errors.InsufficientBalance:
        print("another device was faster")
    print(f"{client.wallet.get(anna).balance.available_minor} cents are left to spend")

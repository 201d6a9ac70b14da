"""Rings: wallets that hang together through what they share."""

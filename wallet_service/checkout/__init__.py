"""Paying with a wallet: quote, reserve, commit, release."""

"""Proves in SQL that entries, balances, reservations, lots, the hash chain, events, caps, grants and the cache agree.

Finds, and never repairs. The numbers of the invariants are those of `reconciliation/model.py`.
"""

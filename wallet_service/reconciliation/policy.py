"""What is wrong with a cached snapshot, if anything. Pure."""

from __future__ import annotations

from wallet_service.reconciliation.model import Cached, Finding, Invariant, Recorded


def judge_cached(cached: Cached, recorded: Recorded | None) -> Finding | None:
    """Return what is wrong. Older than the database is never wrong: readers compare versions."""
    snapshot = cached.snapshot
    if snapshot is None:
        return _finding("what is cached under a wallet is not a snapshot", cached, recorded)
    if snapshot.wallet_id != cached.wallet_id:
        return _finding("a cached snapshot names another wallet", cached, recorded)
    if recorded is None:
        return _finding("a snapshot is cached of a wallet that does not exist", cached, recorded)
    if snapshot.revision > recorded.revision:
        return _finding("a cached snapshot is newer than the database", cached, recorded)
    if snapshot.revision == recorded.revision and snapshot.balance != recorded.balance:
        return _finding("a cached snapshot shows other balances than the database", cached, recorded)
    return None


def _finding(sentence: str, cached: Cached, recorded: Recorded | None) -> Finding:
    facts: dict[str, object] = {}
    if cached.snapshot is not None:
        facts |= {"cached_revision": cached.snapshot.revision, "cached": list(cached.snapshot.balance)}
    if recorded is not None:
        facts |= {"revision": recorded.revision, "recorded": list(recorded.balance)}
    return Finding(
        invariant=Invariant.CACHE,
        sentence=sentence,
        wallet_id=cached.wallet_id,
        program_id=recorded.program_id if recorded is not None else None,
        facts=facts,
    )

"""The decision: a pure function from a wallet and a command to an outcome and what is to be recorded.

No I/O, no clock, no randomness: what it decides can be decided again, tested a hundred thousand times a second, and
read in one sitting. Start at `decide` in `decision.py`.
"""

from wallet_service.ledger.decide.decision import Decision, decide
from wallet_service.ledger.decide.draft import canonical, genesis

__all__ = ["Decision", "canonical", "decide", "genesis"]

"""What a call can end with instead of an answer.

Two kinds matter to money. `Refused`: a definite no, nothing changed. `OutcomeUnknown`: no answer came; it may have
been done, and only the same call with the same id can tell. Each reason of the API has a class of its own, in the
module of what refuses; all are named here, so that a caller writes `errors.InsufficientBalance`.
"""

# All of them are this module's names: a list of them here would be a second place for each reason.
# ruff: noqa: F403
from wallet_client.errors.calls import *
from wallet_client.errors.checkout import *
from wallet_client.errors.earning import *
from wallet_client.errors.fraud import *
from wallet_client.errors.programs import *
from wallet_client.errors.review import *
from wallet_client.errors.roots import *
from wallet_client.errors.wallets import *

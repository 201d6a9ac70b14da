"""The calls of staff without asyncio: each waits for its end."""

from __future__ import annotations

from wallet_client.admin import Admin
from wallet_client.fraud import Fraud
from wallet_client.review import Review
from wallet_client.rules import Rules
from wallet_client.waiting import Loop, waits, yields


class BlockingAdmin:
    """As `Admin`, waiting."""

    def __init__(self, loop: Loop, face: Admin) -> None:
        self._loop = loop
        self._face = face

    put_program = waits(Admin.put_program)
    get_program = waits(Admin.get_program)
    list_programs = yields(Admin.list_programs)
    advance_clock = waits(Admin.advance_clock)


class BlockingRules:
    """As `Rules`, waiting."""

    def __init__(self, loop: Loop, face: Rules) -> None:
        self._loop = loop
        self._face = face

    put_draft = waits(Rules.put_draft)
    validate = waits(Rules.validate)
    diff = waits(Rules.diff)
    publish = waits(Rules.publish)
    get = waits(Rules.get)
    history = yields(Rules.history)
    put_campaign = waits(Rules.put_campaign)
    campaigns = yields(Rules.campaigns)
    put_segment = waits(Rules.put_segment)
    segments = yields(Rules.segments)
    segment = waits(Rules.segment)
    members = yields(Rules.members)
    import_segment = waits(Rules.import_segment)
    put_customers = waits(Rules.put_customers)
    customer = waits(Rules.customer)
    put_policy = waits(Rules.put_policy)
    policy = waits(Rules.policy)
    backtest = yields(Rules.backtest)


class BlockingFraud:
    """As `Fraud`, waiting."""

    def __init__(self, loop: Loop, face: Fraud) -> None:
        self._loop = loop
        self._face = face

    put_policy = waits(Fraud.put_policy)
    get_policy = waits(Fraud.get_policy)
    history = yields(Fraud.history)
    report = waits(Fraud.report)
    hash = waits(Fraud.hash)


class BlockingReview:
    """As `Review`, waiting."""

    def __init__(self, loop: Loop, face: Review) -> None:
        self._loop = loop
        self._face = face

    cases = yields(Review.cases)
    case = waits(Review.case)
    picture = waits(Review.picture)
    take = waits(Review.take)
    give_back = waits(Review.give_back)
    approve = waits(Review.approve)
    reject = waits(Review.reject)
    decide_many = waits(Review.decide_many)
    escalate = waits(Review.escalate)
    note = waits(Review.note)
    statistics = waits(Review.statistics)
    policy = waits(Review.policy)
    put_policy = waits(Review.put_policy)

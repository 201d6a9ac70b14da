"""Which method needs which scope: the one table. A test holds it against every rpc of every proto."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final


@unique
class Scope(StrEnum):
    """What a token allows, as written in its `scope` claim."""

    CHECKOUT_QUOTE = "checkout.quote"
    CHECKOUT_RESERVE = "checkout.reserve"
    CHECKOUT_COMMIT = "checkout.commit"
    CHECKOUT_READ = "checkout.read"
    WALLET_OPEN = "wallet.open"
    WALLET_READ = "wallet.read"
    WALLET_WATCH = "wallet.watch"
    WALLET_CARE = "wallet.care"
    WALLET_ADJUST = "wallet.adjust"
    WALLET_VERIFY = "wallet.verify"
    ADMIN_READ = "admin.read"
    ADMIN_WRITE = "admin.write"
    ADMIN_CLOCK = "admin.clock"
    EARNING_RECORD = "earning.record"
    EARNING_READ = "earning.read"
    EARNING_SIMULATE = "earning.simulate"
    EARNING_CARE = "earning.care"
    FRAUD_READ = "fraud.read"
    FRAUD_WRITE = "fraud.write"
    RULES_READ = "rules.read"
    RULES_WRITE = "rules.write"
    RULES_PUBLISH = "rules.publish"
    RULES_BACKTEST = "rules.backtest"
    CUSTOMERS_READ = "customers.read"
    CUSTOMERS_WRITE = "customers.write"
    REVIEW_READ = "review.read"
    REVIEW_DECIDE = "review.decide"
    REVIEW_SENIOR = "review.senior"
    """Whoever has it decides what is escalated, and is bound by no limit."""
    REVIEW_DELEGATE = "review.delegate"
    """Whoever has it, a back office, may name the reviewer that it speaks for."""


WIDENING: Final = frozenset({Scope.REVIEW_SENIOR, Scope.REVIEW_DELEGATE})
"""Open no method; they say how far a method goes that another scope opens. For services only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRule:
    """What the door must know of a method before it calls it."""

    scopes: frozenset[Scope]
    """All of these are needed."""
    customers: bool = False
    """A customer's token may call it, for the customer's own wallet; other methods are for services only."""
    writes: bool = False
    """When time runs out underway, it may have been done all the same."""
    finishes: bool = False
    """It ends what was begun, so it may use the room that is kept free for that under overload."""


def _reads(*scopes: Scope, customers: bool = False) -> MethodRule:
    return MethodRule(scopes=frozenset(scopes), customers=customers)


def _writes(*scopes: Scope, finishes: bool = False) -> MethodRule:
    return MethodRule(scopes=frozenset(scopes), writes=True, finishes=finishes)


RULES: Final[Mapping[str, MethodRule]] = MappingProxyType(
    {
        "/wallet.v1.CheckoutService/Quote": _reads(Scope.CHECKOUT_QUOTE, customers=True),
        "/wallet.v1.CheckoutService/Reserve": _writes(Scope.CHECKOUT_RESERVE),
        "/wallet.v1.CheckoutService/Commit": _writes(Scope.CHECKOUT_COMMIT, finishes=True),
        "/wallet.v1.CheckoutService/Release": _writes(Scope.CHECKOUT_COMMIT, finishes=True),
        "/wallet.v1.CheckoutService/ExtendReservation": _writes(Scope.CHECKOUT_COMMIT),
        "/wallet.v1.CheckoutService/GetReservation": _reads(Scope.CHECKOUT_READ, customers=True),
        "/wallet.v1.CheckoutService/ListReservations": _reads(Scope.CHECKOUT_READ, customers=True),
        # A batch may hold any of the three, so it needs what the three need.
        "/wallet.v1.CheckoutService/Execute": _writes(
            Scope.CHECKOUT_RESERVE, Scope.CHECKOUT_COMMIT, finishes=True
        ),
        "/wallet.v1.WalletService/OpenWallet": _writes(Scope.WALLET_OPEN),
        "/wallet.v1.WalletService/GetWallet": _reads(Scope.WALLET_READ, customers=True),
        "/wallet.v1.WalletService/ListEntries": _reads(Scope.WALLET_READ, customers=True),
        "/wallet.v1.WalletService/GetBalanceAt": _reads(Scope.WALLET_READ, customers=True),
        "/wallet.v1.WalletService/WatchWallet": _reads(Scope.WALLET_WATCH, customers=True),
        "/wallet.v1.WalletService/FreezeWallet": _writes(Scope.WALLET_CARE),
        "/wallet.v1.WalletService/UnfreezeWallet": _writes(Scope.WALLET_CARE),
        "/wallet.v1.WalletService/CloseWallet": _writes(Scope.WALLET_CARE),
        "/wallet.v1.WalletService/AdjustWallet": _writes(Scope.WALLET_ADJUST),
        "/wallet.v1.WalletService/VerifyWallet": _reads(Scope.WALLET_VERIFY),
        "/wallet.v1.AdminService/PutProgram": _writes(Scope.ADMIN_WRITE),
        "/wallet.v1.AdminService/GetProgram": _reads(Scope.ADMIN_READ),
        "/wallet.v1.AdminService/ListPrograms": _reads(Scope.ADMIN_READ),
        "/wallet.v1.AdminService/AdvanceClock": _writes(Scope.ADMIN_CLOCK),
        "/wallet.v1.EarningService/RecordEvent": _writes(Scope.EARNING_RECORD),
        "/wallet.v1.EarningService/RecordEvents": _writes(Scope.EARNING_RECORD),
        "/wallet.v1.EarningService/GetEvent": _reads(Scope.EARNING_READ, customers=True),
        "/wallet.v1.EarningService/ListEvents": _reads(Scope.EARNING_READ, customers=True),
        "/wallet.v1.EarningService/ExplainEvent": _reads(Scope.EARNING_READ, customers=True),
        "/wallet.v1.EarningService/RetryEvent": _writes(Scope.EARNING_CARE),
        "/wallet.v1.EarningService/SimulateEarn": _reads(Scope.EARNING_SIMULATE),
        "/wallet.v1.EarningService/PutEarningPolicy": _writes(Scope.ADMIN_WRITE),
        "/wallet.v1.EarningService/GetEarningPolicy": _reads(Scope.ADMIN_READ),
        "/wallet.v1.EarningService/ListExpiryWarnings": _reads(Scope.EARNING_READ),
        "/wallet.v1.ReviewService/ListCases": _reads(Scope.REVIEW_READ),
        "/wallet.v1.ReviewService/GetCase": _reads(Scope.REVIEW_READ),
        "/wallet.v1.ReviewService/GetCasePicture": _reads(Scope.REVIEW_READ),
        "/wallet.v1.ReviewService/AssignCase": _writes(Scope.REVIEW_DECIDE),
        "/wallet.v1.ReviewService/DecideCase": _writes(Scope.REVIEW_DECIDE),
        "/wallet.v1.ReviewService/DecideCases": _writes(Scope.REVIEW_DECIDE),
        "/wallet.v1.ReviewService/EscalateCase": _writes(Scope.REVIEW_DECIDE),
        "/wallet.v1.ReviewService/AddNote": _writes(Scope.REVIEW_DECIDE),
        "/wallet.v1.ReviewService/GetReviewStatistics": _reads(Scope.REVIEW_READ),
        "/wallet.v1.ReviewService/PutReviewPolicy": _writes(Scope.ADMIN_WRITE),
        "/wallet.v1.ReviewService/GetReviewPolicy": _reads(Scope.ADMIN_READ),
        "/wallet.v1.AdminService/PutRulesetDraft": _writes(Scope.RULES_WRITE),
        "/wallet.v1.AdminService/ValidateRuleset": _reads(Scope.RULES_READ),
        "/wallet.v1.AdminService/DiffRulesets": _reads(Scope.RULES_READ),
        # Writing rules and putting them in force may be two people's work.
        "/wallet.v1.AdminService/PublishRuleset": _writes(Scope.RULES_PUBLISH),
        "/wallet.v1.AdminService/ListRulesets": _reads(Scope.RULES_READ),
        "/wallet.v1.AdminService/GetRuleset": _reads(Scope.RULES_READ),
        "/wallet.v1.AdminService/PutCampaign": _writes(Scope.RULES_PUBLISH),
        "/wallet.v1.AdminService/ListCampaigns": _reads(Scope.RULES_READ),
        "/wallet.v1.AdminService/PutSegment": _writes(Scope.RULES_WRITE),
        "/wallet.v1.AdminService/ListSegments": _reads(Scope.RULES_READ),
        "/wallet.v1.AdminService/PutFraudPolicy": _writes(Scope.FRAUD_WRITE),
        "/wallet.v1.AdminService/GetFraudPolicy": _reads(Scope.FRAUD_READ),
        "/wallet.v1.AdminService/ListFraudPolicies": _reads(Scope.FRAUD_READ),
        "/wallet.v1.AdminService/GetFraudReport": _reads(Scope.FRAUD_READ),
        # Who may ask it for any text can tell whom a hash belongs to.
        "/wallet.v1.AdminService/HashFraudTrace": _reads(Scope.FRAUD_WRITE),
        # Who is on a list, and what is known of a customer, is not every reader's business.
        "/wallet.v1.AdminService/GetSegment": _reads(Scope.CUSTOMERS_READ),
        "/wallet.v1.AdminService/ImportSegment": _writes(Scope.RULES_WRITE),
        "/wallet.v1.AdminService/PutCustomers": _writes(Scope.CUSTOMERS_WRITE),
        "/wallet.v1.AdminService/GetCustomer": _reads(Scope.CUSTOMERS_READ),
        # Not for who publishes: a policy that its subject can change is none.
        "/wallet.v1.AdminService/PutRulesPolicy": _writes(Scope.ADMIN_WRITE),
        "/wallet.v1.AdminService/GetRulesPolicy": _reads(Scope.RULES_READ),
        # Reads a year at a time and names customers.
        "/wallet.v1.AdminService/BacktestRuleset": _reads(Scope.RULES_BACKTEST),
    }
)

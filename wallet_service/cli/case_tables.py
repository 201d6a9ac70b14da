"""Cases as tables for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table
    from wallet.v1.review_pb2 import Case, GetCaseResponse, GetReviewStatisticsResponse


def case_table(cases: list[Case]) -> Table:
    """Return cases, a line each."""
    from wallet.v1.review_pb2 import CaseState, CaseSubject

    from wallet_service.cli.show import moment, printable, table, word

    shown = table("case", "what", "amount", "customer", "state", "why", "until (UTC)", right=("amount",))
    for case in cases:
        state = word(CaseState, case.state)
        shown.add_row(
            case.case_id,
            word(CaseSubject, case.subject),
            f"{case.amount_minor:,}",
            printable(f"{case.program_id}/{case.customer_ref}"),
            f"{state} ({printable(case.assigned_to)})" if case.assigned_to else state,
            printable(", ".join(case.reasons)),
            moment(case.due_at),
        )
    return shown


def case_tables(found: GetCaseResponse) -> list[Table]:
    """Return a case: what it is about, the wallet's last entries, what was done."""
    from wallet.v1.review_pb2 import CaseState, CaseSubject
    from wallet_client import EntryKind

    from wallet_service.cli.show import moment, printable, table, word

    case, evidence = found.case, found.evidence
    head = table("case", "")
    head.show_header = False
    rows = [
        ("case", case.case_id),
        ("about", f"{word(CaseSubject, case.subject)} {case.subject_id}"),
        ("customer", f"{case.program_id}/{case.customer_ref}"),
        ("wallet", case.wallet_id),
        ("amount", f"{case.amount_minor:,}"),
        ("state", word(CaseState, case.state)),
        ("why", ", ".join(case.reasons)),
        ("decided", f"{case.decided_by}: {case.decided_reason}" if case.decided_by else "-"),
        ("balance then", f"{evidence.available_minor:,} available, {evidence.reserved_minor:,} reserved"),
        ("order", evidence.order_ref or "-"),
        ("linked wallets", ", ".join(evidence.linked_wallet_ids) or "-"),
        ("devices", ", ".join(evidence.devices) or "-"),
    ]
    rows += [(signal.name, signal.value) for signal in evidence.signals]
    for name, value in rows:
        head.add_row(f"[cyan]{printable(name)}[/cyan]", printable(value))
    past = table("no.", "time (UTC)", "what", "amount", "available", right=("no.", "amount", "available"))
    for entry in evidence.history:
        past.add_row(
            str(entry.seq), moment(entry.at), word(EntryKind, entry.kind), f"{entry.amount_minor:,}",
            f"{entry.available_minor:,}",
        )  # fmt: skip
    acts = table("time (UTC)", "done", "by", "why")
    for act in reversed(found.acts):
        acts.add_row(
            moment(act.at),
            printable(act.kind.replace("_", " ").lower()),
            printable(act.actor),
            printable(act.reason),
        )
    return [head, past, acts]


def statistics_tables(found: GetReviewStatisticsResponse) -> list[Table]:
    """Return how it goes, and how often each reason was right."""
    from wallet_service.cli.show import printable, table

    counts = table("open", "assigned", "escalated", "approved", "rejected", "timed out", "p50", "p90")
    counts.add_row(
        str(found.open), str(found.assigned), str(found.escalated), str(found.approved), str(found.rejected),
        str(found.timed_out), f"{found.p50_seconds} s", f"{found.p90_seconds} s",
    )  # fmt: skip
    reasons = table(
        "reason", "cases", "approved", "rejected", "right", right=("cases", "approved", "rejected", "right")
    )
    for each in found.by_reason:
        right = f"{each.precision_bp / 100:.2f} %" if each.approved + each.rejected else "-"
        reasons.add_row(
            printable(each.reason), str(each.cases), str(each.approved), str(each.rejected), right
        )
    return [counts, reasons]

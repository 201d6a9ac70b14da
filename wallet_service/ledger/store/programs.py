"""Programs, and wallets as they are opened."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger.decide import genesis
from wallet_service.ledger.program import Program, RedemptionPolicy
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.ledger")


def _program(row: Row) -> Program:
    return Program(
        program_id=ProgramId(row["program_id"]), version=row["version"], display_name=row["display_name"],
        sandbox=row["sandbox"], asset=row["asset"], exponent=row["exponent"], currency=row["currency"],
        rate_numerator=row["rate_numerator"], rate_denominator=row["rate_denominator"],
        floor_minor=row["floor_minor"], redemption=RedemptionPolicy(**json.loads(row["policy"])),
        clock_at=row["clock_at"],
    )  # fmt: skip


async def read_program(db: Statements, program_id: ProgramId, *, timeout_seconds: float) -> Program | None:
    """Return a program, or None."""
    row = await db.fetchrow(_SQL["program"], program_id, timeout_seconds=timeout_seconds)
    return None if row is None else _program(row)


async def read_programs(db: Statements, after: str, limit: int, *, timeout_seconds: float) -> list[Program]:
    """Return the programs after an id, in order."""
    return [
        _program(row)
        for row in await db.fetch(_SQL["programs"], after, limit, timeout_seconds=timeout_seconds)
    ]


async def put_program(
    db: Statements,
    program: Program,
    clock_at: Instant | None,
    expected_version: int,
    actor: str,
    reason: str,
    *,
    timeout_seconds: float,
) -> bool:
    """Write a program and its history; False if its version is not the expected one any more."""
    return bool(
        await db.fetchval(
            _SQL["put_program"], program.program_id, expected_version, program.display_name, program.sandbox,
            program.asset, program.exponent, program.currency, program.rate_numerator, program.rate_denominator,
            program.floor_minor, json.dumps(asdict(program.redemption)), clock_at, actor, reason,
            timeout_seconds=timeout_seconds,
        )
    )  # fmt: skip


async def open_wallet(
    db: Statements, wallet_id: WalletId, program_id: ProgramId, customer_ref: str, *, timeout_seconds: float
) -> bool | None:
    """Open a wallet: True if it was opened now, False if it was open, None if there is no such program."""
    opened: bool | None = await db.fetchval(
        _SQL["open_wallet"],
        wallet_id,
        program_id,
        customer_ref,
        genesis(wallet_id),
        timeout_seconds=timeout_seconds,
    )
    return opened

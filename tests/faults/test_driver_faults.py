"""What the driver says about a connection that is ending, and what that means for the statement."""

from __future__ import annotations

import asyncpg
import pytest

from wallet_service.runtime.database_errors import translated
from wallet_service.runtime.errors import DatabaseUnavailable, OutcomeUnknown


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("cannot switch to state 12; another operation (2) is in progress", DatabaseUnavailable),
        ("got result for unknown protocol state 3", OutcomeUnknown),
    ],
)
def test_a_connection_that_had_ended_before_the_statement_is_told_from_one_that_ended_in_it(
    said, meaning
) -> None:
    assert type(translated(asyncpg.InternalClientError(said))) is meaning

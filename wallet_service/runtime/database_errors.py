"""One translation from what the driver raises to what callers may decide on."""

from __future__ import annotations

import asyncpg

from wallet_service.runtime.errors import (
    DatabaseConflict,
    DatabaseError,
    DatabaseTimeout,
    DatabaseUnavailable,
    LedgerRejected,
    OutcomeUnknown,
    StatementFailed,
)

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

OUR_CLASS = "WL"
_CONFLICTS = frozenset({"40001", "40P01", "55P03"})
_SERVER_TIMEOUT = "57014"
# The server ends the connection, or cannot say how the statement ended: a commit may have happened before.
_LOST = frozenset({"40003", "57P01", "57P02", "57P05", "25P03", "25P04"})
_LOST_CLASSES = ("08", "XX")
# The server could not begin: no connection slot, starting up, no memory, no disk, or it became a read-only standby.
_NOT_BEGUN = frozenset({"57P03", "25006"})
_NOT_BEGUN_CLASSES = ("53",)


def translated(fault: BaseException) -> DatabaseError:
    """Return what a fault of a statement that was sent means to its caller."""
    if isinstance(fault, asyncpg.PostgresError):
        return _from_server(fault)
    if isinstance(fault, TimeoutError):
        # The driver asks the server to cancel; whether that came before the commit is not known.
        return OutcomeUnknown("no answer from the database in time")
    if isinstance(fault, OSError):
        return OutcomeUnknown(f"the connection to the database was lost: {fault.strerror or fault}")
    if isinstance(fault, asyncpg.InternalClientError):
        return _from_driver(fault)
    if "is closed" in str(fault):
        return DatabaseUnavailable("the connection to the database was closed before the statement was sent")
    return StatementFailed(f"the driver refused the statement: {fault}")


def translated_before_send(fault: BaseException) -> DatabaseUnavailable:
    """Return what a fault means when nothing had been sent yet."""
    if isinstance(fault, asyncpg.PostgresError):
        return DatabaseUnavailable(f"the database refused the connection: {fault}", sqlstate=fault.sqlstate)
    if isinstance(fault, TimeoutError):
        return DatabaseUnavailable("no connection to the database in time")
    return DatabaseUnavailable(f"the database cannot be reached: {fault}")


def _from_driver(fault: asyncpg.InternalClientError) -> DatabaseError:
    """Tell a connection that had ended before the statement was sent from a driver that lost its way underway."""
    if "cannot switch to state" in str(fault):
        # The server's farewell has been read, the end of the connection not yet: nothing was sent on it.
        return DatabaseUnavailable(
            "the connection to the database was ending when the statement was to be sent"
        )
    return OutcomeUnknown(f"the driver cannot tell how the statement ended: {fault}")


def _from_server(fault: asyncpg.PostgresError) -> DatabaseError:
    state, text = fault.sqlstate or "", str(fault)
    if state.startswith(OUR_CLASS):
        return LedgerRejected(text, sqlstate=state)
    if state in _CONFLICTS:
        return DatabaseConflict(text, sqlstate=state)
    if state == _SERVER_TIMEOUT:
        return DatabaseTimeout(text, sqlstate=state)
    if state in _NOT_BEGUN or state.startswith(_NOT_BEGUN_CLASSES):
        return DatabaseUnavailable(text, sqlstate=state)
    if state in _LOST or state.startswith(_LOST_CLASSES):
        return OutcomeUnknown(text, sqlstate=state)
    return StatementFailed(text, sqlstate=state)

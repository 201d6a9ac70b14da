# ruff: noqa: N818 - each name says what happened, which "Error" would not
"""What can go wrong around the service, named once.

Two families: `StartError` ends a start with one line a person can act on; `DatabaseError` is what a call to the
database may raise, sorted by the only question that matters afterwards: may the statement have been applied?
"""


class StartError(Exception):
    """The service cannot start. The message is one or more plain lines: what is wrong and what to do about it."""


class ConfigError(StartError):
    """Settings are missing or wrong; all faults are reported together, and no secret is quoted."""


class MigrationFailed(StartError):
    """A migration or a function could not be applied; the database is as the last whole step left it."""


class DatabaseError(Exception):
    """A statement did not give a result. `sqlstate` is the server's code, or None when none was received."""

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class DatabaseUnavailable(DatabaseError):
    """Definitely not applied: nothing was sent, or the server refused before it began. Safe to try again."""


class DatabaseConflict(DatabaseError):
    """Definitely not applied: a deadlock, a serialization failure or a lock wait that ended. Try again at once."""

    @property
    def lock_wait_ended(self) -> bool:
        """Whether somebody else kept a row for longer than one waits for it."""
        return self.sqlstate == "55P03"


class DatabaseTimeout(DatabaseError):
    """Definitely not applied: the server itself ended the statement at its time limit."""


class OutcomeUnknown(DatabaseError):
    """The answer was lost: the statement may or may not have been applied. Read by id before trying again."""


class LedgerRejected(DatabaseError):
    """One of our own SQL functions refused with a SQLSTATE of class `WL`; nothing was applied."""


class StatementFailed(DatabaseError):
    """The statement itself is wrong, or breaks a constraint. A bug of ours, never a reason to try again."""

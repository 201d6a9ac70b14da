"""The only rooms that talk to PostgreSQL for the ledger: what a batch loads and appends, programs, and reading."""

from wallet_service.ledger.store.batch import Key, Loaded, Written, append, free_of, load, lock
from wallet_service.ledger.store.programs import open_wallet, put_program, read_program, read_programs
from wallet_service.ledger.store.reading import (
    due_wallets,
    read_entries,
    read_entry_at,
    read_reservations,
    read_versions,
)

__all__ = [
    "Key", "Loaded", "Written", "append", "due_wallets", "free_of", "load", "lock", "open_wallet",
    "put_program", "read_entries", "read_entry_at", "read_program", "read_programs", "read_reservations",
    "read_versions",
]  # fmt: skip

"""The tests of this folder share two service processes on one database."""

from __future__ import annotations

from fixtures import api, bearer, keys, other_api, pair, shared_database_url

__all__ = ["api", "bearer", "keys", "other_api", "pair", "shared_database_url"]

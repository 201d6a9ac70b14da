from __future__ import annotations

import sys
from pathlib import Path

# What starts a service and speaks to it is shared with the tests of the calls.
sys.path.append(str(Path(__file__).parent.parent / "service"))

from fixtures import api, bearer, keys, other_api, pair, shared_database_url

__all__ = ["api", "bearer", "keys", "other_api", "pair", "shared_database_url"]

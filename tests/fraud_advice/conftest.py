from __future__ import annotations

import sys
from pathlib import Path

# What starts a service, puts policies in force and fills a bank is shared with the tests beside this folder.
sys.path += [str(Path(__file__).parent.parent / name) for name in ("service", "fraud", "fraud_model")]

from fixtures import api, bearer, keys, other_api, pair, shared_database_url

__all__ = ["api", "bearer", "keys", "other_api", "pair", "shared_database_url"]

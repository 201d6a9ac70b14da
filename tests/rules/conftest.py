from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "rules", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    derandomize="HYPOTHESIS_EXPLORE" not in os.environ,
)  # fmt: skip
settings.load_profile("rules")

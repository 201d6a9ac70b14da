from __future__ import annotations

import sys
from pathlib import Path

# The tools are no package that is installed; they are run from the root of the project.
sys.path.insert(0, str(Path(__file__).parents[2]))

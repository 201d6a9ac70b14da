"""The schema as one text, so that a change of it is seen in review and held against what migrations make."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from wallet_service.runtime.embedded import postgres_program
from wallet_service.runtime.errors import MigrationFailed
from wallet_service.runtime.tool import communicated

_DUMP_SECONDS: Final = 60.0
# Session settings, versions and the random key of each dump say nothing about the schema.
_NOISE: Final = re.compile(
    r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)$\n?", re.MULTILINE
)


async def snapshot(url: str) -> str:
    """Return the schema at `url` as SQL, without what differs between two dumps of the same schema."""
    tool = await asyncio.create_subprocess_exec(
        *(
            str(postgres_program("pg_dump")),
            "--schema-only",
            "--no-owner",
            "--no-comments",
            f"--dbname={url}",
        ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await communicated(tool, _DUMP_SECONDS)
    if tool.returncode:
        raise MigrationFailed(f"pg_dump failed: {' '.join(errors.decode(errors='replace').split())}")
    return normalised(output.decode())


def normalised(dump: str) -> str:
    """Strip comments, session settings and blank runs."""
    return re.sub(r"\n{3,}", "\n\n", _NOISE.sub("", dump)).strip() + "\n"

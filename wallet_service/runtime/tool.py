"""Other programs that do one thing and end."""

from __future__ import annotations

import asyncio


async def communicated(tool: asyncio.subprocess.Process, seconds: float) -> tuple[bytes, bytes]:
    """Return what a program said until its end; raises TimeoutError. It is not left running, whatever happens."""
    try:
        return await asyncio.wait_for(tool.communicate(), seconds)
    finally:
        if tool.returncode is None:
            tool.kill()
            await tool.wait()

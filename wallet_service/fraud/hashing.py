"""What a device or an address is known by here, for whoever keeps a list of those that are trusted."""

from __future__ import annotations

from wallet_service.fraud.devices import Context, DeviceKeys
from wallet_service.fraud.model import Trace
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.programs import Programs
from wallet_service.ledger.service import left


class Hashing:
    """Nothing of what is asked is kept, counted or logged."""

    def __init__(self, programs: Programs, keys: DeviceKeys) -> None:
        self._programs = programs
        self._keys = keys

    async def trace(self, program_id: ProgramId, context: Context, deadline: float) -> Trace | Refusal:
        """Return the hashes of the device of a context, or else of its address: as calls that tell it are judged."""
        if await self._programs.find(program_id, left(deadline)) is None:
            return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")
        traces = self._keys.traces(context)
        return traces.device or traces.address or Refusal(reason=Reason.FIELD_INVALID, field="text")

"""Batches pass one by one, what finishes something first, and nobody waits longer than is of use."""

import asyncio
import time

from wallet_service.transport.turnstile import TURNS, UNHURRIED, Turnstile


class Rush:
    """Those who want to pass, who has passed in which order, and at which turn of the loop."""

    def __init__(self) -> None:
        self.turnstile = Turnstile()
        self.loop = asyncio.get_running_loop()
        self.passed: list[str] = []
        self.turned_away: list[str] = []
        self.at: list[int] = []
        self.turn = 0
        self.loop.call_soon(self._count)

    def _count(self) -> None:
        self.turn += 1
        self.loop.call_soon(self._count)

    async def pass_(self, name: str, *, finishes: bool = False, seconds: float = 60.0) -> None:
        if await self.turnstile.passes(self.loop.time() + seconds, finishes=finishes):
            self.passed.append(name)
            self.at.append(self.turn)
        else:
            self.turned_away.append(name)

    def start(self, name: str, **more) -> asyncio.Task[None]:
        return self.loop.create_task(self.pass_(name, **more))

    async def slow_turns(self, seconds: float) -> None:
        """Let it learn that a batch takes so long."""
        for _ in range(2):
            first, second = self.start("slow"), self.start("slow")
            await first
            # What is done in a turn of the loop; the second waits for it.
            self.loop.call_soon(time.sleep, seconds)
            await second
            await self.free()
        self.passed.clear()

    async def free(self) -> None:
        for _ in range(2 * TURNS):
            await asyncio.sleep(0)


async def test_who_finds_it_free_passes_at_once():
    rush = Rush()
    before = rush.turn
    await rush.pass_("alone")
    assert (rush.passed, rush.turn) == (["alone"], before)


async def test_between_two_batches_the_loop_turns_so_often_that_a_call_can_come_in():
    rush = Rush()
    await asyncio.gather(*[rush.pass_(str(number)) for number in range(5)])
    assert rush.passed == ["0", "1", "2", "3", "4"]
    gaps = [after - before for before, after in zip(rush.at, rush.at[1:], strict=False)]
    assert min(gaps) >= TURNS


async def test_what_finishes_something_goes_first():
    rush = Rush()
    await asyncio.gather(
        rush.pass_("first"), rush.pass_("begin"), rush.pass_("begin too"), rush.pass_("finish", finishes=True)
    )
    assert rush.passed == ["first", "finish", "begin", "begin too"]


async def test_who_left_is_passed_over_and_holds_nobody_up():
    rush = Rush()
    first, left, last = rush.start("first"), rush.start("left"), rush.start("last")
    await first
    left.cancel()
    await last
    assert rush.passed == ["first", "last"]


async def test_who_leaves_in_the_moment_of_passing_holds_nobody_up():
    rush = Rush()
    tasks = [rush.start("first"), rush.start("second"), rush.start("third")]
    await tasks[0]
    second = rush.turnstile._beginning[0]
    while not second.done():
        await asyncio.sleep(0)
    tasks[1].cancel()  # it has its turn, and has not been told yet
    await asyncio.wait_for(tasks[2], 5)
    assert rush.passed[-1] == "third"


async def test_a_wait_that_takes_too_much_of_the_time_is_refused_at_once():
    rush = Rush()
    await rush.slow_turns(0.1)
    assert not rush.turnstile.is_too_late(rush.loop.time(), finishes=False)  # it is free
    tasks = [rush.start(str(number)) for number in range(UNHURRIED + 1)]
    await asyncio.sleep(0)
    soon = rush.loop.time() + 0.2
    assert rush.turnstile.is_too_late(soon, finishes=False)
    assert not rush.turnstile.is_too_late(soon, finishes=True)
    assert rush.turnstile.is_too_late(rush.loop.time() + 0.001, finishes=True)
    await rush.pass_("late", seconds=0.2)
    assert rush.turned_away == ["late"]
    await asyncio.gather(*tasks)


async def test_a_few_may_wait_however_slow_the_last_ones_were():
    rush = Rush()
    await rush.slow_turns(0.1)
    tasks = [rush.start(str(number)) for number in range(UNHURRIED)]
    await asyncio.sleep(0)
    assert not rush.turnstile.is_too_late(rush.loop.time() + 0.5, finishes=False)
    await asyncio.gather(*tasks)


async def test_who_has_waited_nine_tenths_of_its_time_is_told(monkeypatch):
    rush = Rush()
    monkeypatch.setattr("wallet_service.transport.turnstile.TURNS", 10**9)
    first = rush.start("first")
    await first
    await rush.pass_("patient", seconds=0.2)
    assert rush.turned_away == ["patient"]

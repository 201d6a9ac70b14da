"""Checks of form that no linter makes. Each failure names the place and says the rule."""

import ast
import re
from pathlib import Path

import pytest
from project_files import ROOT, SERVICE, modules, nodes, shown

FILE_LINES_MAX, FUNCTION_LINES_MAX = 400, 60
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
VAGUE = {"util", "utils", "helper", "helpers", "manager", "common", "misc"}
VAGUE_VERBS = ("process", "handle", "do", "perform")
MAY_CATCH_ALL = {
    "wallet_service/transport/door.py",  # the outermost door
    "wallet_service/runtime/lifecycle.py",  # the loops it keeps running
    "wallet_service/ledger/batcher.py",  # one bad command must not take its batch along
    "wallet_service/earning/pipeline.py",  # one bad event must not stop the others
    "wallet_service/fraud/service.py",  # what counts and remembers must not fail a payment
    "wallet_service/ledger/gathering.py",  # a fault goes to whoever waits for the read
    "wallet_service/__main__.py",
    "wallet_service/cli/app.py",
}
MAY_START_TASKS = {
    "wallet_service/runtime/lifecycle.py",  # owns every loop and every step of stopping
    "wallet_service/ledger/batcher.py",  # drained by Ledger.close
    "wallet_service/ledger/gathering.py",  # bounded reads that change nothing
    "wallet_service/fraud/service.py",  # waits for its advisors, or cancels them
    "wallet_service/fleet.py",  # cancels them where it made them
    "wallet_service/cli/up.py",  # ends it with what it serves
    "clients/python/wallet_client/client.py",
    "clients/python/wallet_client/gather.py",
}
PURE = (
    "kernel/",
    "ledger/decide/",
    "ledger/model.py",
    "ledger/program.py",
    "ledger/commands.py",
    "checkout/policy.py",
    "rules/compiler.py",
    "rules/composing.py",
    "rules/conditions.py",
    "rules/model.py",
    "rules/occasion.py",
    "rules/policy.py",
    "rules/reckoning.py",
    "rules/rounding.py",
    "rules/units.py",
    "rules/wording.py",
)
MODELS = {"model.py", "commands.py", "program.py"}
SQL = re.compile(
    r"\s*(insert\s+into|update\s+\w|delete\s+from|create\s|alter\s|drop\s|select\s.+\sfrom\s)",
    re.IGNORECASE | re.DOTALL,
)
SENTENCE = re.compile(r"\s*[A-Z][a-z]")


def test_files_stay_small():
    sizes = [(path, len(path.read_text().splitlines())) for path, _ in modules()]
    faults = [f"{shown(path)} has {lines} lines" for path, lines in sizes if lines > FILE_LINES_MAX]
    assert not faults, "\n".join(faults)


def test_functions_stay_small():
    sizes = [(path, node, node.end_lineno - node.lineno + 1) for path, node in nodes(*FUNCTIONS)]
    faults = [
        f"{shown(path, node.lineno)} {node.name} has {lines} lines"
        for path, node, lines in sizes
        if lines > FUNCTION_LINES_MAX
    ]
    assert not faults, "\n".join(faults)


def test_no_name_is_vague():
    named = [(path, 1, path.stem) for path, _ in modules()]
    named += [(path, node.lineno, node.name) for path, node in nodes(ast.ClassDef, *FUNCTIONS)]
    faults = [
        f"{shown(path, line)} {name} does not say what it is" for path, line, name in named if vague(name)
    ]
    assert not faults, "\n".join(faults)


def vague(name: str) -> bool:
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    return bool(VAGUE & set(words)) or (name.islower() and bool(words) and words[0] in VAGUE_VERBS)


def test_everything_is_caught_only_where_nothing_may_escape():
    faults = [
        f"{shown(path, node.lineno)} catches what it cannot name, and goes on"
        for path, node in nodes(ast.ExceptHandler)
        if shown(path) not in MAY_CATCH_ALL and catches_all(node) and not raises(node)
    ]
    assert not faults, "\n".join(faults)


def catches_all(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in kinds)


def raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def test_tasks_are_started_only_by_those_who_await_them():
    faults = [
        f"{shown(path, node.lineno)} starts a task that nobody owns"
        for path, node in nodes(ast.Call)
        if shown(path) not in MAY_START_TASKS and starts_a_task(node.func)
    ]
    assert not faults, "\n".join(faults)


def starts_a_task(function: ast.expr) -> bool:
    owner, _, name = ast.unparse(function).rpartition(".")
    return name in {"create_task", "ensure_future"} and "group" not in owner.lower()


def test_a_store_is_imported_only_by_its_own_slice():
    faults = [
        f"{shown(path, node.lineno)} reaches into the store of another slice"
        for path, node in nodes(ast.ImportFrom)
        if path.is_relative_to(SERVICE) and reaches_into_a_store(node, path.relative_to(SERVICE).parts[0])
    ]
    assert not faults, "\n".join(faults)


def reaches_into_a_store(node: ast.ImportFrom, slice_name: str) -> bool:
    top, owner, *rooms = [*(node.module or "").split("."), ""]
    names = {*rooms, *(alias.name for alias in node.names)}
    return top == "wallet_service" and "store" in names and owner != slice_name


def test_no_sql_is_written_in_python():
    docstrings = {
        ast.get_docstring(node, clean=False) for _, node in nodes(ast.Module, ast.ClassDef, *FUNCTIONS)
    }
    texts = [
        (path, n) for path, n in nodes(ast.Constant) if isinstance(n.value, str) and n.value not in docstrings
    ]
    faults = [
        f"{shown(path, node.lineno)} writes SQL outside a .sql file"
        for path, node in texts
        if path.is_relative_to(SERVICE) and SQL.match(node.value) and not SENTENCE.match(node.value)
    ]
    assert not faults, "\n".join(faults)


def test_money_is_whole():
    """Pure rooms know neither floats nor the division that makes them."""
    faults = [
        f"{shown(path, node.lineno)} is not whole-number arithmetic"
        for path, node in nodes(ast.Constant, ast.BinOp, ast.Name)
        if path.is_relative_to(SERVICE)
        and str(path.relative_to(SERVICE)).startswith(PURE)
        and makes_a_fraction(node)
    ]
    assert not faults, "\n".join(faults)


def makes_a_fraction(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=float()) | ast.BinOp(op=ast.Div()) | ast.Name(id="float" | "round"):
            return True
    return False


def test_values_are_slotted_and_models_are_frozen():
    faults = []
    for path, node in nodes(ast.ClassDef):
        needed = {"slots", "frozen", "kw_only"} if path.name in MODELS else {"slots"}
        for base in node.bases:
            if ast.unparse(base) == "Struct" and path.name in MODELS:
                given = {k.arg for k in node.keywords if ast.unparse(k.value) == "True"}
                faults += (
                    [f"{shown(path, node.lineno)} {node.name} is not frozen"] if "frozen" not in given else []
                )
        for decorator in node.decorator_list:
            if ast.unparse(decorator).partition("(")[0].endswith("dataclass"):
                given = {k.arg for k in getattr(decorator, "keywords", []) if ast.unparse(k.value) == "True"}
                faults += [
                    f"{shown(path, node.lineno)} {node.name} is not {option}" for option in needed - given
                ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.stem)
def test_the_name_of_a_test_is_a_sentence(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
            assert len(node.name.split("_")) > 3, f"{shown(path, node.lineno)} {node.name} promises nothing"

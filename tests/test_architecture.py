"""The law of the tree: which way imports point, how long files and functions may be, what must not stand anywhere."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MACHINE = sorted((ROOT / "daemon").rglob("*.py"))
HANDLERS = sorted((ROOT / "handlers").rglob("*.py"))
SOURCES = [*MACHINE, *HANDLERS, *sorted((ROOT / "benchmarks").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
SHARED = {  # all that handlers may know of the machine
    *("daemon.commands.codes", "daemon.commands.command", "daemon.dangers"),
    *("daemon.errors", "daemon.messages", "daemon.records"),
    *("daemon.drivers", "daemon.money", "daemon.trade"),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, f"{'.' * node.level}{node.module or ''}"


def project_files() -> Iterator[Path]:
    """Files that people wrote, of all kinds."""
    for pattern in (
        "*",
        ".ci/*",
        "config/*",
        "docs/*",
        "systemd/*",
        "daemon/**/*",
        "handlers/**/*",
        "tests/**/*",
        "benchmarks/**/*",
    ):
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.endswith((".csv", ".xlsx")):
                yield path


def test_the_sources_are_found() -> None:
    assert MACHINE
    assert HANDLERS


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_handlers_know_only_the_shared_types_of_the_machine(path: Path) -> None:
    wrong = [
        f"line {line}: {name}"
        for line, name in imports_of(path)
        if name.split(".")[0] == "daemon" and name not in SHARED
    ]
    assert not wrong


@pytest.mark.parametrize("path", MACHINE, ids=name_of)
def test_the_machine_names_no_handler(path: Path) -> None:
    assert not [f"line {line}: {name}" for line, name in imports_of(path) if name.split(".")[0] == "handlers"]


def test_only_one_place_looks_for_entry_points() -> None:
    assert [name_of(path) for path in MACHINE if "entry_points" in path.read_text(encoding="utf-8")] == [
        "daemon/parts.py"
    ]


@pytest.mark.parametrize("path", [*MACHINE, *HANDLERS], ids=name_of)
def test_no_import_is_relative_and_each_module_says_what_it_is_for(path: Path) -> None:
    assert not [line for line, name in imports_of(path) if name.startswith(".")]
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MACHINE, ids=name_of)
def test_files_of_the_machine_have_at_most_300_lines_and_functions_40(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300
    if "migrations" in path.parts:  # a list of tables is as long as it is
        return
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not [
        f"{each.name} has {lines}" for each in functions if (lines := (each.end_lineno or 0) - each.lineno + 1) > 40
    ]


def dangers_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in ("eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "tempfile.mktemp"):
            yield f"line {node.lineno}: {called}"
        for keyword in node.keywords:
            if keyword.arg == "shell" and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            ):
                yield f"line {node.lineno}: shell="


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_runs_text_as_code(path: Path) -> None:
    assert not list(dangers_of(path))
    modules = {name.split(".")[0] for _, name in imports_of(path)}
    assert not modules & {"pickle", "shelve", "marshal", "dill"}


def test_the_dangers_are_seen(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text("eval('1')\nrun('ls', shell=True)\nrun('ls', shell=False)\nmodel.eval()\n")
    assert list(dangers_of(sample)) == ["line 1: eval", "line 2: shell="]


@pytest.mark.parametrize("path", [path for path in [*MACHINE, *HANDLERS] if "cli" not in path.parts], ids=name_of)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if ast.unparse(call.func) in ("print", "typer.echo", "sys.stdout.write")]


def test_no_file_names_a_package_index() -> None:
    # put together here, so that this file does not name them either
    hosts = re.compile(
        "|".join(["py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.(?:org|com)", "deb" + r"\.debian\.org"])
    )
    flags = re.compile(r"^\s*(?:-i|--(?:extra-)?index-url|--find-links|--trusted-host)\b", re.MULTILINE)
    for path in project_files():
        text = path.read_text(encoding="utf-8")
        assert not hosts.search(text), name_of(path)
        assert not flags.search(text), name_of(path)


def test_what_is_installed_is_pinned_by_hash_and_what_is_needed_is_pinned() -> None:
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", pins, re.MULTILINE))
    for block in re.split(r"^(?=[a-z0-9-]+==)", pins, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["test"],
        *project["build-system"]["requires"],
    ]
    assert {re.split(r"[\[<>=~! ]", each)[0].lower() for each in needed} <= pinned

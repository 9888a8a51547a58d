"""The house: three packages whose imports go one way, and the folders that pipeline/ has."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "firmware_interface": {"firmware_interface"},
    "calibration": {"calibration"},
    "pipeline": {"firmware_interface", "calibration", "pipeline"},
}
OURS = {*MAY_IMPORT, "tests", "recordings"}
FOLDERS = {"files", "screens", "commands", "simulation"}
HEAVY = {
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "bleak",
    "bumble",
    "vqf",
    "ahrs",
    "nicegui",
    "jinja2",
    "rich",
}


def _sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _imports(tree: ast.AST) -> set[str]:
    """Top-level names of everything imported, wherever in the file, by statement or by name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            found |= {arg.value.split(".")[0] for arg in node.args if isinstance(arg, ast.Constant)}
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package: str) -> None:
    sources = _sources(package)
    assert sources
    wrong = {
        str(path.relative_to(ROOT)): sorted(names)
        for path in sources
        if (names := _imports(ast.parse(path.read_text(encoding="utf-8"))) & OURS - MAY_IMPORT[package])
    }
    assert wrong == {}


def test_the_check_sees_every_kind_of_import() -> None:
    for text in (
        "import pipeline.x",
        "from pipeline import y",
        "def f():\n    import pipeline",
        "importlib.import_module('pipeline.z')",
        "import_module('pipeline')",
    ):
        assert _imports(ast.parse(text)) >= {"pipeline"}


def test_calibration_is_pure_mathematics() -> None:
    """It knows no radio, no screen and no table files: only numpy, scipy and its own types."""
    wanted = {path.name: _imports(ast.parse(path.read_text(encoding="utf-8"))) for path in _sources("calibration")}
    for name, imports in wanted.items():
        assert not imports & (HEAVY - {"numpy", "scipy"}), name


def test_pipeline_has_its_four_folders_and_no_others() -> None:
    folders = {path.name for path in (ROOT / "pipeline").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == FOLDERS


def test_commands_import_heavy_packages_only_when_they_run() -> None:
    """So that `--help` and completion answer at once."""
    wrong = {}
    for path in _sources("pipeline/commands"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not any(isinstance(node, ast.Import | ast.ImportFrom) and "typer" in ast.dump(node) for node in tree.body):
            continue
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = _imports(ast.Module(top, []))
        if names & HEAVY:
            wrong[path.name] = sorted(names & HEAVY)
    assert wrong == {}


def test_every_source_file_says_what_it_is() -> None:
    bare = [str(p.relative_to(ROOT)) for name in MAY_IMPORT for p in _sources(name) if not _has_docstring(p)]
    assert bare == []


def _has_docstring(path: Path) -> bool:
    return bool(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))

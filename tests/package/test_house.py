"""The house: packages are entered by their faces, and no module imports itself by way of others.

What import-linter holds is the order of the layers; here is what it has no contract for. Imports
for types alone count too: they are what a reader has to open.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.support.paths import REPOSITORY

PACKAGE = REPOSITORY / "rawkit"
MODULES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
PACKAGES = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def imported(module: str) -> Iterator[tuple[str, str]]:
    """Yield each module and name that a module imports of rawkit, wherever it does."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rawkit":
            assert node.module is not None
            yield from ((node.module, name.name) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from ((name.name, "") for name in node.names if name.name.startswith("rawkit."))


def room(module: str) -> str:
    """Name of the package, or of the single module, below rawkit."""
    return module.partition(".")[2].partition(".")[0]


def test_packages_are_entered_by_their_faces() -> None:
    past = [
        f"{module} imports {name} of {source}"
        for module in MODULES
        for source, name in imported(module)
        if room(source) in PACKAGES - {room(module)}
        and (source.count(".") > 1 or (f"{source}.{name}" in MODULES and name not in face(source)))
    ]
    assert not past, "\n".join(past)


def face(package: str) -> set[str]:
    """Names of a package's ``__all__``."""
    for node in ast.parse(MODULES[package].read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_face_offers_what_it_names_and_what_others_take_is_named(package: str) -> None:
    offered = face(f"rawkit.{package}")
    taken = {
        name
        for module in MODULES
        for source, name in imported(module)
        if source == f"rawkit.{package}" and room(module) != package
    }
    if package == "cli":
        taken -= {"main"}  # the entry point, for `python -m rawkit`
    assert taken <= offered
    found = __import__(f"rawkit.{package}", fromlist=["__all__"])
    assert [name for name in offered if not hasattr(found, name)] == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    edges = {module: sorted(set(targets(module)) - {module}) for module in MODULES}
    circles = [" -> ".join(circle) for circle in circles_of(edges)]
    assert not circles, "\n".join(circles)


def targets(module: str) -> Iterator[str]:
    """Modules that a module imports; of a package what defines the name, if it can be told."""
    for source, name in imported(module):
        if f"{source}.{name}" in MODULES and name not in face(source):
            yield f"{source}.{name}"
        elif source in MODULES and (room(source) == room(module) or room(source) not in PACKAGES):
            yield source


def circles_of(edges: dict[str, list[str]]) -> Iterator[list[str]]:
    """Yield each circle once, by depth-first search."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> Iterator[list[str]]:
        if module in way:
            yield [*way[way.index(module) :], module]
            return
        if module in done:
            return
        for other in edges[module]:
            yield from visit(other, [*way, module])
        done.add(module)

    for module in edges:
        yield from visit(module, [])


def test_a_circle_would_be_found() -> None:
    assert list(circles_of({"a": ["b"], "b": ["c"], "c": ["a"]})) == [["a", "b", "c", "a"]]


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(REPOSITORY)): count
        for path in MODULES.values()
        if (count := len(path.read_text().splitlines())) > 410
    }
    assert not long

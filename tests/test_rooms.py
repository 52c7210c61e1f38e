"""The rooms of the package import what the README's map says, and nothing else."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "minivae"
ENTRANCES = ("__init__", "__main__")  # they open every room to whoever knocks


def the_map():
    """(heart in reading order, {room: rooms it may import}) from the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = text[text.index("## The map") :]
    text = text[: text.index("\n## ", 1)]
    intro = text[: text.index("| room")]
    heart = list(dict.fromkeys(re.findall(r"\b(\w+)\.py", intro)))
    rows = re.findall(r"^\| (.+?) \|.*\| ?(.*?) ?\|$", text, flags=re.M)[1:]
    return heart, {
        name(room): [name(r) for r in may.split(", ") if r] for room, may in rows
    }


def name(room):
    return room.strip("`/").removesuffix(".py")


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def imports():
    """Every (importing module, imported module) of the package."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{module}: expected absolute imports, got a dot"
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [w if w in MODULES else node.module for w in whole]
            else:
                continue
            for imported in names:
                if imported.partition(".")[0] == "minivae":
                    yield module, imported


def room_of(module, heart):
    first = module.partition(".")[2].partition(".")[0] or "__init__"
    return "heart" if first in heart else first


def test_every_module_has_its_place_on_the_map():
    heart, rooms = the_map()
    there = {path.stem for path in PACKAGE.glob("*.py")} - set(ENTRANCES)
    there |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert there == set(heart) | set(rooms) - {"heart"}


def test_each_room_imports_what_the_map_says_and_nothing_else():
    heart, rooms = the_map()
    wrong = []
    for module, imported in imports():
        room, other = room_of(module, heart), room_of(imported, heart)
        if room in ENTRANCES or room == other or "everything" in rooms[room]:
            continue
        allowed = rooms[room]
        if other not in allowed and imported.removeprefix("minivae.") not in allowed:
            wrong.append(f"{module} imports {imported}, the map allows {room}: {allowed}")
    assert not wrong, "\n".join(wrong)


def test_no_room_imports_upwards_on_the_map():
    heart, rooms = the_map()
    order = {room: i for i, room in enumerate(rooms)}
    for room, may in rooms.items():
        for other in may:
            floor = "heart" if other in heart else other
            if other != "everything":
                assert order[floor] < order[room], f"{room} stands above {other}"


def test_no_module_imports_itself_round_a_circle():
    graph = {module: set() for module in MODULES}
    for module, imported in imports():
        if module not in ("minivae", "minivae.__main__") and imported != "minivae":
            graph[module].add(imported)

    def walk(module, way):
        assert module not in way, f"a circle: {' -> '.join([*way, module])}"
        if module not in done:
            for other in graph.get(module, ()):
                walk(other, [*way, module])
            done.add(module)

    done = set()
    for module in graph:
        walk(module, [])

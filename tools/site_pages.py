"""Pages of the documentation site that are made from the code and from the files at the root.

A hook of MkDocs: it adds the README as the first page, the changelog, the notes for contributors,
the list of decisions, the recorded results of the benchmarks, and the reference of the command line
and of the Python packages.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "edgeseal"

# Not for users: what runs the command line, and data.
_INTERNAL = ("cli", "data", "watermark.demo")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_ROLE = re.compile(r":(attr|class|data|exc|func|meth|mod):(?=<)")


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for path, text in _pages():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files that are no pages into plain text: the site has pages only."""
    depth = page.file.src_uri.count("/")
    return _LINK.sub(lambda link: _kept(link, depth), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Drop the roles of docstrings, such as ``:class:``: what follows them is linked already."""
    return _ROLE.sub("", html)


def public_names(package: str) -> list[str]:
    """Return what a package exports, by its ``__all__``."""
    path = PACKAGE.joinpath(*package.split(".")[1:])
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return [name for name in ast.literal_eval(node.value) if not name.startswith("__")]
    return []


def packages() -> list[str]:
    """Return the packages of the library, the everyday one first, then wings and rooms."""
    found = (*PACKAGE.glob("*/__init__.py"), *PACKAGE.glob("*/*/__init__.py"))
    rooms = sorted(".".join(path.parent.relative_to(PACKAGE).parts) for path in found)
    public = (room for room in rooms if not room.startswith(_INTERNAL))
    return ["edgeseal", *(f"edgeseal.{room}" for room in public), "edgeseal.errors"]


def _pages() -> Iterator[tuple[str, str]]:
    yield "index.md", _at_home(ROOT / "README.md")
    yield "changelog.md", _at_home(ROOT / "CHANGELOG.md")
    yield "contributing.md", _at_home(ROOT / "CONTRIBUTING.md")
    yield "adr/index.md", _decisions()
    yield "results.md", _results()
    yield "reference/cli.md", _command_line()
    yield "reference/api.md", _python()


def _at_home(path: Path) -> str:
    """Return a file of the root with its links as seen from the folder of pages."""

    def moved(link: re.Match[str]) -> str:
        text, target = link.groups()
        if target.startswith("docs/"):
            target = target.removeprefix("docs/")
            return f"[{text}]({target or '.'})" if target != "adr/" else f"[{text}](adr/index.md)"
        if target in ("CHANGELOG.md", "CONTRIBUTING.md"):
            return f"[{text}]({target.lower()})"
        return link[0] if _is_outside(target) else text

    return _LINK.sub(moved, path.read_text())


def _kept(link: re.Match[str], depth: int) -> str:
    text, target = link.groups()
    is_above = target.startswith("../" * (depth + 1))
    return text if is_above and not _is_outside(target) else link[0]


def _is_outside(target: str) -> bool:
    return target.startswith(("http://", "https://", "#", "mailto:"))


def _decisions() -> str:
    lines = ["# Decisions", ""]
    for path in sorted((ROOT / "docs" / "adr").glob("*.md")):
        title = path.read_text().splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"


def _results() -> str:
    """Return what the benchmarks printed when they were last recorded."""
    parts = ["# Results", "", "What the scripts in `benchmarks/` printed, as recorded.", ""]
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.txt")):
        parts += [f"## {path.stem}", "", "```text", path.read_text().rstrip(), "```", ""]
    return "\n".join(parts)


def _command_line() -> str:
    """Return the help of every command, as the program prints it."""
    import typer.main

    from edgeseal.cli._app import app

    group: Any = typer.main.get_command(app)
    parts = ["# Command line", "", group.help or "", "", str(group.epilog), ""]
    for name, command in group.commands.items():
        context = command.make_context(
            f"edgeseal {name}", [], resilient_parsing=True, terminal_width=88
        )
        parts += [f"## edgeseal {name}", "", "```text", command.get_help(context), "```", ""]
    return "\n".join(parts)


def _python() -> str:
    """Return the page that documents what each package exports."""
    parts = ["# Python", ""]
    for package in packages():
        names = public_names(package)
        if not names:
            continue
        listed = ", ".join(f'"{name}"' for name in names)
        parts += [
            f"## `{package}`",
            "",
            f"::: {package}",
            "    options:",
            f"      members: [{listed}]",
            "",
        ]
    return "\n".join(parts)

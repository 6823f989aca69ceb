"""Copies the documents of the repository into the form that Sphinx takes.

The pages in docs/ are written to be read where they lie, with relative links and a README.md
in each folder as its index. Here these become index pages with a navigation: what an index lists
comes first, in its order, and then what else lies in its folder. Documents outside of docs/ go to
project/. Links to files that are no pages become downloads.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Documents outside of docs/ that belong to the site.
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "compat/funcx/README.md",
    "examples/README.md",
    "python/README.md",
)
# Notes for those who work on the project.
LEFT_OUT = ("docs/notes/",)

FENCE = re.compile(r"^( *)(```|~~~)")
LINK = re.compile(r"(!?)(\[[^\]]*\]\()<?([^)\s>#]*)>?(#[^)\s]*)?\)")
LISTED = re.compile(r"^ *[-*|].*?\]\(([^)#\s]+\.(?:md|ipynb))")
DIAGRAM = re.compile(r"^ *(\S+) --> ([^\s:]+)(?:: (.*))?$")


def place(source: str) -> str:
    """Return where a document of the repository is on the site."""
    if source.startswith("docs/"):
        target = source[len("docs/") :]
    elif source == "README.md":
        target = "index.md"
    else:
        target = "project/" + source.replace("/README.md", ".md").replace("/", "-")
    return re.sub(r"(^|/)README\.md$", r"\1index.md", target)


class Stage:
    """The documents on their way into one folder."""

    def __init__(self, repository: Path, target: Path) -> None:
        self.repository = repository
        self.target = target
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(
            command, cwd=repository, capture_output=True, text=True, check=True
        )
        tracked = [name for name in listing.stdout.splitlines() if (repository / name).is_file()]
        self.pages = sorted(name for name in tracked if self.is_page(name))
        self.listed: set[str] = set()
        self.problems: list[str] = []

    @staticmethod
    def is_page(name: str) -> bool:
        if name in OUTSIDE:
            return True
        inside = name.startswith("docs/") and not name.startswith(LEFT_OUT)
        return inside and name.endswith((".md", ".ipynb"))

    def run(self) -> None:
        shutil.rmtree(self.target, ignore_errors=True)
        indexes = [name for name in self.pages if self.is_index(name)]
        navigation = {name: self.entries(name) for name in sorted(indexes, key=len, reverse=True)}
        for name in self.pages:
            text = self.write_links(name, (self.repository / name).read_text())
            if name in navigation:
                text += self.toctree(name, navigation[name])
            self.put(place(name), text)

    @staticmethod
    def is_index(name: str) -> bool:
        return name.startswith("docs/") and posixpath.basename(name) == "README.md"

    def put(self, name: str, text: str) -> None:
        path = self.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    # -- navigation --------------------------------------------------------

    def entries(self, index: str) -> list[str]:
        """Return what an index lists, and then what else lies in its folder."""
        folder = posixpath.dirname(index)
        text = (self.repository / index).read_text()
        found = [
            posixpath.normpath(posixpath.join(folder, match[1]))
            for match in map(LISTED.match, text.splitlines())
            if match
        ]
        rest = [name for name in self.pages if self.beside(index, name)]
        chosen = [
            name
            for name in dict.fromkeys([*found, *rest])
            if name in self.pages and name not in self.listed and name != index
        ]
        self.listed.update(chosen)
        return chosen

    @classmethod
    def beside(cls, index: str, name: str) -> bool:
        """Whether a page lies in the index's folder, or is the index of a folder in it."""
        folder = posixpath.dirname(index)
        own = posixpath.dirname(name)
        if cls.is_index(name):
            return posixpath.dirname(own) == folder
        return own == folder

    @staticmethod
    def toctree(index: str, entries: list[str]) -> str:
        folder = posixpath.dirname(place(index))
        names = [posixpath.relpath(place(name), folder or ".") for name in entries]
        lines = "\n".join(name.rsplit(".", 1)[0] for name in names)
        return f"\n```{{toctree}}\n:hidden:\n:maxdepth: 2\n\n{lines}\n```\n" if lines else ""

    # -- links ---------------------------------------------------------------

    def write_links(self, name: str, text: str) -> str:
        lines, fenced, diagram = [], False, False
        for line in text.splitlines():
            if FENCE.match(line):
                opening = not fenced
                fenced = opening
                if opening and line.strip() == "```mermaid":
                    diagram = True
                    lines += ["| from | to | event |", "|---|---|---|"]
                    continue
                if diagram:
                    diagram = False
                    continue
            elif diagram:
                line = self.transition(line)
                if not line:
                    continue
            elif not fenced and not name.endswith(".ipynb"):
                line = LINK.sub(lambda match: self.relink(name, match), line)
            lines.append(line)
        return "\n".join(lines) + "\n"

    @staticmethod
    def transition(line: str) -> str:
        """One arrow of a state diagram as a row: the site loads no program that draws."""
        match = DIAGRAM.match(line)
        if not match or "[*]" in match.group(1, 2):
            return ""
        return f"| `{match[1]}` | `{match[2]}` | {match[3] or ''} |"

    def relink(self, name: str, match: re.Match[str]) -> str:
        image, opening, target, anchor = match[1], match[2], match[3], match[4] or ""
        if not target or ":" in target:
            return match[0]
        full = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        path = self.repository / full
        if path.is_dir():
            full = posixpath.join(full, "README.md")
            path = path / "README.md"
        if full == "README.md":
            full = "docs/README.md"
        here = posixpath.dirname(place(name)) or "."
        if full in self.pages:
            return f"{opening}<{posixpath.relpath(place(full), here)}{anchor}>)"
        if not path.is_file():
            self.problems.append(f"{name}: the link {target} leads nowhere on the site")
            return match[0]
        copy = self.target / "files" / full
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        scheme = "" if image else "path:"
        return f"{image}{opening}<{scheme}{posixpath.relpath('files/' + full, here)}>)"


def main() -> int:
    """Stage the repository named first into the folder named second."""
    stage = Stage(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
    stage.run()
    for problem in stage.problems:
        print(problem, file=sys.stderr)
    return 1 if stage.problems else 0


if __name__ == "__main__":
    sys.exit(main())

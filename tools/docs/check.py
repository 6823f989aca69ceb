"""Checks a built site: every link and anchor leads somewhere, and nothing comes from elsewhere."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself, rather than when somebody clicks.
LOADS = {
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
}
STYLE = re.compile(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')]+)")


class Page(HTMLParser):
    """The ids and the addresses of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ids: set[str] = set()
        self.links: list[tuple[str, str, str]] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            if name in ("href", "src", "data") and value:
                self.links.append((tag, name, value))


def problems(site: Path) -> list[str]:
    """Return what is wrong with a site, one line each."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for tag, name, value in page.links:
            problem = look(pages, page, tag, name, value)
            if problem:
                found.append(f"{path.relative_to(site)}: {value}: {problem}")
    for path in site.rglob("*.css"):
        found += [
            f"{path.relative_to(site)}: loads {match}" for match in STYLE.findall(path.read_text())
        ]
    return sorted(set(found))


def look(pages: dict[Path, Page], page: Page, tag: str, name: str, value: str) -> str:
    address = urlsplit(value)
    if address.scheme or address.netloc:
        loaded = (tag, name) in LOADS and address.scheme != "data"
        return "is loaded from elsewhere" if loaded else ""
    target = (page.path.parent / unquote(address.path)).resolve() if address.path else page.path
    if not target.exists():
        return "leads nowhere"
    if address.fragment and target in pages and unquote(address.fragment) not in pages[target].ids:
        return "there is no such part"
    return ""


def main() -> int:
    """Check the site in the folder named."""
    found = problems(Path(sys.argv[1]).resolve())
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs a notebook with a real kernel and prints what its cells print: notebook.py FILE"""

from __future__ import annotations

import sys

import nbformat
from nbclient import NotebookClient


def main() -> None:
    """Fail with the cell's error if one raises."""
    notebook = nbformat.read(sys.argv[1], as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            print(text.rstrip())


if __name__ == "__main__":
    main()

"""Metadata extraction: the functions move to the data, and only what they found comes back.

One task lists the files of a tree on the endpoint's machine, one for each file looks into it by its type (tables,
texts, images) and describes it. A file that cannot be read is reported and stops nothing.

    python examples/metadata.py --endpoint NAME --root /data/on/that/machine

Without --root the endpoint makes a tree to work on, of --files files, and removes it in the end.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shutil
import statistics
import struct
import tempfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import yonder

WORD = re.compile(r"[A-Za-z]{4,}")
PNG = b"\x89PNG\r\n\x1a\n"
Record = dict[str, Any]


# -- what runs where the data is ---------------------------------------------


def list_files(root: str) -> list[tuple[str, int]]:
    """The files of a tree and their sizes."""
    return sorted((str(path), path.stat().st_size) for path in Path(root).rglob("*") if path.is_file())


def describe(path: str) -> Record:
    """What is in a file: its kind, and what such a file has."""
    looks = {".csv": describe_table, ".txt": describe_text, ".png": describe_image}
    look = looks.get(Path(path).suffix)
    if look is None:
        return {"path": path, "kind": "other"}
    return {"path": path, **look(Path(path))}


def describe_table(path: Path) -> Record:
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    columns = {}
    for name, values in zip(head, zip(*rows)):
        try:
            numbers = [float(value) for value in values if value]
        except ValueError:
            columns[name] = {"type": "text", "different": len(set(values))}
        else:
            columns[name] = {"type": "number", "mean": statistics.fmean(numbers), "missing": values.count("")}
    return {"kind": "table", "rows": len(rows), "columns": columns}


def describe_text(path: Path) -> Record:
    words = [word.lower() for word in WORD.findall(path.read_text(encoding="utf-8"))]
    return {"kind": "text", "words": len(words), "keywords": [word for word, _ in Counter(words).most_common(3)]}


def describe_image(path: Path) -> Record:
    data = path.read_bytes()
    if not data.startswith(PNG):
        raise ValueError(f"{path.name} is not a PNG file")
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    return {"kind": "image", "width": width, "height": height, "bits": depth, "grey": colour == 0}


def make_tree(files: int) -> str:
    """Makes a tree of tables, texts and images, one of them broken."""
    root = Path(tempfile.mkdtemp(prefix="yonder-metadata-"))
    for i in range(files):
        place = root / f"run-{i % 7}"
        place.mkdir(exist_ok=True)
        if i % 3 == 0:
            lines = [f"{step},{'' if step % 50 == 0 else i + step / 10},sensor-{step % 4}" for step in range(200)]
            (place / f"{i}.csv").write_text("\n".join(["step,value,sensor", *lines]))
        elif i % 3 == 1:
            (place / f"{i}.txt").write_text("the crystal scatters, the detector counts; crystal again\n" * (i + 1))
        else:
            (place / f"{i}.png").write_bytes(b"not an image" if i == 2 else grey_png(8 + i, 16))
    return str(root)


def grey_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes(range(width % 256)).ljust(width, b"\x80")) * height
    return PNG + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def remove_tree(root: str) -> None:
    shutil.rmtree(root)


# -- what runs here ----------------------------------------------------------


def extract(executor: yonder.Executor, files: list[tuple[str, int]]) -> tuple[list[Record], list[str]]:
    """The records of all files that could be read, and what was wrong with the others."""
    futures = [(path, executor.submit(describe, path)) for path, _ in files]
    records, problems = [], []
    for path, future in futures:
        error = future.exception()
        if error is None:
            records.append(future.result())
        else:
            problems.append(f"{path}: {error}")
    return records, problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", help="name or id of the endpoint (default: the only one online)")
    parser.add_argument("--root", help="directory on the endpoint's machine (default: one that it makes)")
    parser.add_argument("--files", type=int, default=60, help="size of the tree that it makes")
    parser.add_argument("--out", help="write the records there, one line of JSON each")
    options = parser.parse_args()
    with yonder.Executor(options.endpoint) as executor:
        root = options.root or executor.submit(make_tree, options.files).result()
        try:
            files = executor.submit(list_files, root).result()
            records, problems = extract(executor, files)
        finally:
            if not options.root:
                executor.submit(remove_tree, root).result()
    report(files, records, problems)
    if options.out:
        Path(options.out).write_text("".join(json.dumps(record) + "\n" for record in records))


def report(files: list[tuple[str, int]], records: list[Record], problems: list[str]) -> None:
    kinds = Counter(record["kind"] for record in records)
    keywords = Counter(word for record in records for word in record.get("keywords", ()))
    for problem in problems:
        print("unreadable:", problem)
    print(f"keywords: {', '.join(word for word, _ in keywords.most_common(5)) or 'none'}")
    stayed, came = sum(size for _, size in files), len(json.dumps(records))
    print(f"{stayed:,} bytes stayed where they are, {came:,} bytes of metadata came back")
    found = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    print(f"catalogue: {len(records)} of {len(files)} files ({found})")


if __name__ == "__main__":
    main()

"""The body of a function: what travels from the client to a worker.

A bundle is JSON, so that people and services can read it. ``nodes`` are the
objects the function is made of, in the order in which they can be built:

==========  ===================================================================
``lit``     a plain constant: ``text`` is its Python literal
``pickle``  any other value, by value: ``data`` is base64, protocol 5
``import``  a module (``module``) or something in it (``attr``) that the worker
            imports; ``also`` are submodules to import with it
``attr``    attribute ``attr`` (dotted) of node ``of``
``function``  a function by source ``text``, or by bytecode ``code`` (base64)
``source``  a class, an assignment or a decorated function by statement ``text``
``cell``    a closure cell; ``fill`` sets ``cell`` to node ``to``
``bind``    sets the global ``name`` of ``space`` to node ``to``
``set``     sets attribute ``attr`` of node ``of`` to node ``to``
==========  ===================================================================

``spaces`` are the modules that are rebuilt from single definitions,
``modules`` those of the user's project that travel as whole files.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass, field
from typing import Any, Optional

from yonder.errors import CodecMismatch, UnpackError

FORMAT = 1
# A function's body is kept by the service and by every worker. Data that
# makes it larger than this belongs into an argument.
MAX_BYTES = 8 << 20

Node = dict[str, Any]

# Not part of what a definition is: where it stands, what the nodes around it are
# called in one bundle, and how an import is to be done.
_ASIDE = frozenset(
    ("line", "file", "id", "to", "of", "cells", "defaults", "kwdefaults", "optional", "also")
)


def minor_version() -> str:
    """This interpreter's version as ``"3.11"``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


@dataclass
class Bundle:
    """A captured function, or the code that a payload carries along.

    ``python`` is the minor version of the capturing interpreter; ``only`` is
    the one minor version that may load the bundle, ``None`` for any, and
    ``reasons`` says why. ``root`` is the node that is the function itself.
    """

    name: str
    root: Optional[str] = None
    python: str = field(default_factory=minor_version)
    only: Optional[str] = None
    reasons: list[str] = field(default_factory=list)
    spaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    modules: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    def dump(self) -> bytes:
        """Canonical bytes: equal bundles have equal bytes."""
        value = {"yonder": FORMAT, **self.__dict__}
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def load(cls, data: bytes) -> Bundle:
        """Read ``dump``'s bytes; refuses what this Python must not load."""
        try:
            value = json.loads(bytes(data).decode("utf-8"))
            found = value.pop("yonder")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise UnpackError(f"not the body of a function: {error}") from None
        if found != FORMAT:
            raise UnpackError(
                f"the function's body has format {found}, this version of yonder reads "
                f"{FORMAT}: upgrade yonder on the older side"
            )
        try:
            bundle = cls(**value)
        except TypeError as error:
            raise UnpackError(f"not the body of a function: {error}") from None
        if bundle.only is not None and bundle.only != minor_version():
            reason = "; ".join(bundle.reasons)
            raise CodecMismatch(
                f"{bundle.name!r} was captured as bytecode of Python {bundle.only} ({reason}) and "
                f"cannot run on Python {minor_version()}: use a worker with Python {bundle.only}, "
                "or define the function in a file"
            )
        return bundle


def own_digest(node: Node) -> str:
    """Hash of what a node itself says."""
    kept = {key: value for key, value in node.items() if key not in _ASIDE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


class Digests:
    """Hashes of a bundle's definitions, so that two bundles can be compared.

    A definition's hash covers its closure's values, its defaults and what its
    attributes were set to, not the globals it uses: those are bound by name and
    have a hash of their own.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._nodes = {node["id"]: node for node in bundle.nodes}
        self._fills = {n["cell"]: n["to"] for n in bundle.nodes if n["k"] == "fill"}
        self._sets: dict[str, list[Node]] = {}
        for node in bundle.nodes:
            if node["k"] == "set" and node["attr"] != "__annotations__":
                self._sets.setdefault(node["of"], []).append(node)
        self._known: dict[str, str] = {}

    def of(self, key: str) -> str:
        """The hash of node ``key``."""
        if key in self._known:
            return self._known[key]
        self._known[key] = "cycle"
        node = self._nodes.get(key, {})
        parts = [own_digest(node)]
        others = [node.get(name) for name in ("of", "to", "defaults", "kwdefaults")]
        others += [self._fills.get(cell) for cell in node.get("cells", ())]
        parts += [self.of(other) if other is not None else "-" for other in others]
        for link in sorted(self._sets.get(key, ()), key=lambda link: str(link["attr"])):
            parts += [link["attr"], self.of(link["to"])]
        self._known[key] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        return self._known[key]

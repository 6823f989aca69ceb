"""Registers a function of a file; what `yonder function register` runs.

Writes one JSON object to a file: {"id": ...}, or {"code": ..., "message": ...}.
"""

import importlib.util
import json
import os
import sys


def main(path, name, label, description, retry):
    try:
        import yonder
    except ImportError as error:
        refuse(
            "invalid_config",
            f"{sys.executable} lacks Yonder's Python package ({error}): "
            "name an interpreter that has it with --python or YONDER_PYTHON",
        )
    sys.path.insert(0, os.path.dirname(path))
    module = load(path)
    function = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        refuse("not_found", f"{path} has no function {name}")
    if getattr(function, "__name__", "") == "<lambda>":
        label = label or name  # the only name that it has
    try:
        policy = yonder.Retry.from_json(json.loads(retry))
        registered = yonder.Client().register_function(
            function, name=label or None, description=description, retry=policy
        )
    except yonder.YonderError as error:
        refuse(getattr(error, "code", "internal"), str(error))
    answer({"id": registered.id, "version": registered.version})


def load(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(stem, path)
    if spec is None or spec.loader is None:
        refuse("invalid_request", f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        refuse("not_found", f"there is no file {path}")
    return module


def refuse(code, message):
    answer({"code": code, "message": message})
    sys.exit(3)


def answer(what):
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(what, out)


main(*sys.argv[2:7])

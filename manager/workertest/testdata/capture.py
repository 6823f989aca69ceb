"""Prints the bodies of functions.py as JSON: {name: base64}."""

import base64
import inspect
import json
import sys

sys.path[:0] = sys.argv[1:]

import functions  # noqa: E402
from yonder import capture  # noqa: E402

bodies = {}
for name, function in inspect.getmembers(functions, inspect.isfunction):
    bodies[name] = base64.b64encode(capture.capture(function).body).decode()
json.dump(bodies, sys.stdout)

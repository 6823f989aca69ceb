"""A worker: runs captured cases on a bare interpreter. stdin and stdout are JSON."""

import base64
import json
import sys

from yonder import codec
from yonder.capture import restore


def run(case):
    try:
        function = restore(base64.b64decode(case["body"]))
        with function.active():
            args, kwargs = codec.unpack_args(base64.b64decode(case["payload"]), function)
            value = codec.pack_value(function(*args, **kwargs))
        return {"value": base64.b64encode(value).decode()}
    except BaseException as error:
        import traceback

        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


def main():
    given = json.load(sys.stdin)
    results = {
        program: {name: run(case) for name, case in cases.items()}
        for program, cases in given.items()
    }
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()

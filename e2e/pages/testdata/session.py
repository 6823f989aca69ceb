# Runs the files named on standard input, one after the other, in one
# namespace: what `python -i` would be, but with sources that can be found.
import __main__
import sys
import traceback

namespace = __main__.__dict__
for line in sys.stdin:
    file = line.strip()
    with open(file) as snippet:
        source = snippet.read()
    status = 0
    try:
        exec(compile(source, file, "exec"), namespace)
    except BaseException as error:
        status = 1
        traceback.print_exception(type(error), error, error.__traceback__.tb_next, file=sys.stdout)
    sys.stderr.flush()
    print(f"<end of step>{status}", flush=True)

"""Submits a task that says much while it runs, and prints what comes of it: live.py KIND DIR MAX_ATTEMPTS"""

import sys

import yonder


def talk(directory: str) -> str:
    """A line for each file that comes, to the end of the lines."""
    import pathlib
    import time

    import yonder

    base, step = pathlib.Path(directory), 0
    while not (base / "end").exists():
        if (base / str(step)).exists():
            print(f"step {step}")
            yonder.progress(step + 1, None, f"after step {step}")
            step += 1
        time.sleep(0.005)
    return f"{step} steps"


def flood(directory: str) -> str:
    """A gigabyte."""
    import pathlib
    import sys
    import time

    while not (pathlib.Path(directory) / "go").exists():
        time.sleep(0.005)
    block = ("x" * 1023 + "\n") * 1024
    for _ in range(1024):
        sys.stdout.write(block)
    print("the end")
    return "printed"


def produce(directory: str):
    """A value for each file that comes."""
    import pathlib
    import time

    for step in range(3):
        while not (pathlib.Path(directory) / str(step)).exists():
            time.sleep(0.005)
        yield {"step": step}


def main() -> None:
    kind, directory, attempts = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with yonder.Executor("local", max_attempts=attempts) as executor:
        future = executor.submit(
            {"talk": talk, "flood": flood, "produce": produce}[kind], directory
        )
        future.accepted.result()
        print("task", future.task_id, flush=True)
        if kind == "produce":
            try:
                for value in future.stream(restart=attempts > 1):
                    print("value", value["step"], flush=True)
            except yonder.YonderError as error:
                print("error", type(error).__name__, flush=True)
        if attempts > 0:
            print("result", future.result(), flush=True)


main()

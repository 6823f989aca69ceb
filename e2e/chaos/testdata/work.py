"""Registers the function that the tasks of a run call, and prints its id."""

import yonder


def work(runs: str, number: int, millis: int, mode: str, padding: str) -> str:
    """Notes in the file that it was started, takes its time, and returns or raises."""
    import os
    import time

    from yonder import current_task

    task = current_task()
    file = os.open(runs, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(file, f"{task.id} {task.attempt}\n".encode())
    os.close(file)
    time.sleep(millis / 1000)
    if mode == "raise":
        raise ValueError(f"{task.id} {number}")
    return f"{task.id} {number} {len(padding)}" + "r" * len(padding)


print("function", yonder.Client().register_function(work).id, flush=True)

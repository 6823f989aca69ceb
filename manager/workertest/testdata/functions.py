"""Functions that the tests run: what workers must cope with."""

import ctypes
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time


def add(a, b):
    return a + b


def fail(text):
    raise ValueError(text)


def leave(code):
    sys.exit(code)


def interrupt():
    raise KeyboardInterrupt


def speak(text):
    print("python", text)
    print("python", text, file=sys.stderr)
    os.write(1, f"descriptor {text}\n".encode())
    subprocess.run(["sh", "-c", f"echo child {text}; echo child {text} >&2"], check=True)
    libc = ctypes.CDLL(None)
    libc.printf(f"library {text}\n".encode())
    return text


def flood(mebibytes):
    line = b"x" * 1023 + b"\n"
    os.write(1, b"first\n")
    for _ in range(mebibytes):
        data = line * 1024
        while data:
            data = data[os.write(1, data) :]
    os.write(1, b"last\n")


def not_text():
    os.write(1, b"a\xff\xfeb")


def exit_now(code):
    print("about to leave")
    os._exit(code)


def crash():
    ctypes.string_at(0)


def nap(seconds):
    time.sleep(seconds)
    return seconds


def stubborn(path):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    announce(path, os.getpid())
    time.sleep(600)


def announce(path, *numbers):
    with open(path + ".new", "w") as file:
        file.write(" ".join(map(str, numbers)))
    os.rename(path + ".new", path)


def family(path):
    """Sleeps beside a child and a grandchild; tells their numbers."""
    child = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE)
    grandchild = int(child.stdout.readline())
    announce(path, os.getpid(), child.pid, grandchild)
    time.sleep(600)


def scattered(path):
    """Sleeps beside children that left its session or group, or take no SIGTERM."""
    deaf = "trap '' TERM; echo ready; while :; do sleep 1; done"
    kinds = [(deaf, {"start_new_session": True}), ("echo ready; exec sleep 600", {"start_new_session": True}), (deaf, {})]
    if sys.version_info >= (3, 11):
        kinds.append((deaf, {"process_group": 0}))
    children = [subprocess.Popen(["sh", "-c", code], stdout=subprocess.PIPE, **how) for code, how in kinds]
    for child in children:
        child.stdout.readline()
    announce(path, os.getpid(), *(child.pid for child in children))
    time.sleep(600)


def pass_or_stay(path):
    if path:
        announce(path, os.getpid())
        time.sleep(600)


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.002)
    return "found"


def large(size):
    return "x" * size


def length(text):
    return len(text)


def unpackable():
    return threading.Lock()


def odd(x):
    if x % 2 == 0:
        raise ValueError(f"{x} is even")
    return x


def die_at(x, at):
    if x == at:
        os._exit(9)
    return x


def sleep_at(x, at):
    if x == at:
        time.sleep(600)
    return x


def whoami():
    import yonder

    task = yonder.current_task()
    return [task.id, task.attempt, os.getpid(), os.getpgid(0), os.getcwd()]


def dice():
    return random.random()


def wander():
    os.chdir("/")
    return os.getcwd()


def secrets():
    return [name for name in os.environ if name.startswith("YONDER_")]


def stdin():
    return sys.stdin.read()


def parallel():
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        return pool.map(abs, [-1, -2])


def vandalise():
    """Writes nonsense to every socket that it finds."""
    import socket

    for fd in range(3, 64):
        try:
            found = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue
        with found:
            found.sendall(b"\xff" * 64)
    time.sleep(600)


def narrate(directory, who):
    """Says something for each file that comes."""
    import yonder

    for step in range(3):
        while not os.path.exists(f"{directory}/{who}.{step}"):
            time.sleep(0.002)
        print(f"{who} says {step}")
        yonder.progress(step + 1, 3, f"{who} größer {step}")
    return who


def produce(directory, count):
    """Yields a number for each file that comes."""
    for step in range(count):
        while not os.path.exists(f"{directory}/{step}"):
            time.sleep(0.002)
        yield step


def pour(directory, chunks):
    """Prints chunks of 64 KiB, and ends when the file comes."""
    line = "x" * 1023 + "\n"
    for _ in range(chunks):
        sys.stdout.write(line * 64)
    print("the end")
    while not os.path.exists(f"{directory}/go"):
        time.sleep(0.002)

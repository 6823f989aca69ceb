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


def last_words(then, x=0, at=0):
    """Ends at one call in the way named, after it has written something."""
    if x != at:
        return x
    print(f"{x}: last words")
    sys.stderr.write("sorry\n")
    if then == "exit":
        os._exit(9)
    if then == "crash":
        ctypes.string_at(0)
    time.sleep(600)


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


# What hostile functions do. Each leaves the next task of its worker's slot unharmed.


def look_around():
    """What a task finds, for comparison."""
    import locale

    locale.getlocale()
    handlers = [str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]
    mask = os.umask(0)
    os.umask(mask)
    print("out")
    print("err", file=sys.stderr)
    os.write(1, b"descriptor\n")
    return [
        dict(os.environ),
        os.listdir(os.getcwd()),
        handlers,
        mask,
        sys.getrecursionlimit(),
        len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        signal.getitimer(signal.ITIMER_REAL)[0],
    ]


def litter():
    os.environ["LEAKED"] = "1"
    os.environ.pop("PATH", None)
    os.chdir("/")
    os.umask(0)
    sys.setrecursionlimit(12345)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    signal.setitimer(signal.ITIMER_REAL, 0.2)


def replace_environment():
    os.environ = {}  # noqa: B003


def remove_directory():
    import shutil

    shutil.rmtree(os.getcwd())


def close_output():
    sys.stdout.close()
    sys.stderr = None
    os.close(1)
    os.close(2)
    open(os.devnull)  # which is descriptor 1 now


def close_everything():
    os.closerange(0, 4096)
    return "unheard"


def close_and_reuse(path):
    os.closerange(3, 4096)
    files = [open(f"{path}-{i}", "w") for i in range(8)]
    return len(files)


def fork_and_return():
    os.fork()
    return os.getpid()


def leave_behind(path):
    """A child, one in a session of its own, and a daemon of the old school."""
    sleep = ["sleep", "600"]
    child = subprocess.Popen(sleep)
    session = subprocess.Popen(sleep, start_new_session=True)
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())
            os.closerange(0, 4096)
            time.sleep(600)
        os._exit(0)
    daemon = int(os.read(read, 20))
    announce(path, os.getpid(), child.pid, session.pid, daemon)


def zombies(n):
    for _ in range(n):
        subprocess.run(["sh", "-c", "true & exit"], check=True)
    return os.getpid()


def hold_threads(n):
    for _ in range(n):
        threading.Thread(target=threading.Event().wait).start()
    return threading.active_count()


def getpid():
    return os.getpid()


opened = []


def exhaust_descriptors():
    try:
        while True:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as e:
        return e.strerror


def exhaust_memory(mebibytes):
    return len(bytearray(mebibytes << 20))


def exhaust_group(tasks, mebibytes):
    with open(tasks, "w") as file:
        file.write(str(os.getpid()))
    hoard = []
    for _ in range(mebibytes):
        hoard.append(b"x" * (1 << 20))
    return len(hoard)


def recurse(n=0):
    return recurse(n + 1)


def overflow():
    import json

    sys.setrecursionlimit(1 << 30)
    return len(json.loads("[" * 10_000_000))


def fill(name):
    block = b"x" * 65536
    with open(name, "wb", buffering=0) as file:
        while True:
            file.write(block)


class Bomb:
    def __reduce__(self):
        os._exit(5)


def bomb():
    return Bomb()


def kill_parent():
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


class Unusual(BaseException):
    pass


def unusual():
    raise Unusual("not an Exception")


def connect_often(n):
    """Opens connections to the manager's own socket that say nothing."""
    import socket

    path = [line.split()[-1] for line in open("/proc/net/unix") if line.endswith("/socket\n")]
    here = os.path.dirname(os.path.dirname(os.getcwd()))
    path = [p for p in path if os.path.dirname(p) == here][0]
    for _ in range(n):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(path)
        opened.append(s)
    return len(opened)


def meet_all(number, waiting, directory, count):
    """One call waits for all the others, which take a millisecond."""
    time.sleep(0.001)
    open(os.path.join(directory, str(number)), "x").close()
    while number == waiting and len(os.listdir(directory)) < count:
        time.sleep(0.002)
    return number

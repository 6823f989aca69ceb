"""Sends and gets back payloads of many sizes, some far over what fits a message."""

import hashlib

import yonder

SIZES = [0, 1_000, 200_000, 3_000_000, 30_000_000]


def echo(data: bytes) -> "tuple[str, bytes]":
    import hashlib

    return hashlib.sha256(data).hexdigest(), data[::-1]


def main() -> None:
    with yonder.Executor("local") as executor:
        sent = [bytes(i % 251 for i in range(1000)) * (size // 1000) for size in SIZES]
        futures = [executor.submit(echo, data) for data in sent]
        for data, future in zip(sent, futures):
            digest, reverse = future.result()
            assert digest == hashlib.sha256(data).hexdigest()
            assert reverse == data[::-1]
    print("done", flush=True)


main()

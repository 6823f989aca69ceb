"""The worker: runs functions in a process of their own, one task at a time.

A manager starts one *zygote* per identity and interpreter. It imports what
workers need and forks a worker whenever it is asked to, which takes two
milliseconds where a fresh interpreter takes a hundred. Zygote and workers talk
to the manager over the same Unix socket; ``docs/protocol.md`` has the order of
messages. Only the standard library is needed.
"""

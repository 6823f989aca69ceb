"""Payloads: arguments, results and errors as opaque bytes.

The client packs once, the worker unpacks once; nothing in between looks
inside. ``docs/protocol.md`` has the layout. Whatever does not fit this Python
is refused with CodecMismatch before any of it is loaded.

The client: ``pack_args``, ``pack_chunk`` (many calls), ``unpack_result``,
``unpack_chunk`` (many values), ``unpack_error``, ``yielded``. The worker: ``unpack_args``,
``unpack_chunk`` (calls), ``pack_value``, ``join_values`` (a chunk of packed
values), ``pack_scalars`` (a chunk of values), ``join_stream`` (a generator's),
``pack_error``; all of them while its function is ``active()``.

Loading a pickle runs code of whoever made it: a worker does so for its own
owner's tasks, a client for results of functions that it asked for. The codec
``json`` is for those who want data only.
"""

from __future__ import annotations

from yonder.codec.chunk import (
    SCALARS,
    Chunk,
    Scalars,
    join_stream,
    join_values,
    numbers_head,
    pack_chunk,
    pack_columns,
    pack_scalars,
    unpack_chunk,
    unpack_result,
)
from yonder.codec.failure import pack_error, unpack_error, yielded
from yonder.codec.payload import pack_args, pack_value, unpack_args, unpack_value
from yonder.codec.prefix import CODECS, Prefix, check, read_prefix

__all__ = [
    "CODECS",
    "SCALARS",
    "Chunk",
    "Prefix",
    "Scalars",
    "check",
    "join_stream",
    "join_values",
    "numbers_head",
    "pack_args",
    "pack_chunk",
    "pack_columns",
    "pack_error",
    "pack_scalars",
    "pack_value",
    "read_prefix",
    "unpack_args",
    "unpack_chunk",
    "unpack_error",
    "unpack_result",
    "unpack_value",
    "yielded",
]

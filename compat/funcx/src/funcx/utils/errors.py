"""Where funcX 0.3 had its exceptions."""

from funcx.errors import (
    FuncxError,
    FuncXUnreachable,
    SerializationError,
    TaskPending,
    VersionMismatch,
)

__all__ = [
    "FuncxError",
    "FuncXUnreachable",
    "SerializationError",
    "TaskPending",
    "VersionMismatch",
]

"""What tests of the worker share."""

from test_loop import manager

__all__ = ["manager"]

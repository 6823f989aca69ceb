"""The forms in which calls are added to a batch."""

from __future__ import annotations

from typing import Any

import pytest

from funcx.sdk.batch import Batch, Call


@pytest.mark.parametrize(
    ("args", "kwargs", "call"),
    [
        ((1, 2), {"x": 3, "endpoint_id": "e", "function_id": "f"}, ((1, 2), {"x": 3})),
        ((), {"x": 3, "endpoint_id": "e", "function_id": "f"}, ((), {"x": 3})),
        ((), {"endpoint_id": "e", "function_id": "f"}, ((), {})),
        (("f", "e"), {}, ((), {})),
        (("f", "e", (1, 2), {"x": 3}), {}, ((1, 2), {"x": 3})),
        (("f", "e"), {"args": [1], "kwargs": {"x": 3}}, ((1,), {"x": 3})),
        ((), {"function_id": "f", "endpoint_id": "e", "args": (1,)}, ((1,), {})),
        # Of the older form: the function itself has a parameter of that name.
        ((1,), {"args": 5, "endpoint_id": "e", "function_id": "f"}, ((1,), {"args": 5})),
    ],
)
def test_add(args: Any, kwargs: dict[str, Any], call: tuple[Any, Any]) -> None:
    batch = Batch()
    batch.add(*args, **kwargs)
    assert batch.tasks == [Call("f", "e", *call)]


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        ((), {}, "function_id"),
        ((1, 2), {"endpoint_id": "e"}, "endpoint_id"),
        ((), {"function_id": "f"}, "endpoint_id"),
        (("f", "e", 5), {}, "tuple"),
        (("f", "e"), {"args": "ab"}, "tuple"),
        (("f", "e"), {"kwargs": [1]}, "mapping"),
    ],
)
def test_what_is_no_call(args: Any, kwargs: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        Batch().add(*args, **kwargs)

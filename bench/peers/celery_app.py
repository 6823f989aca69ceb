"""The Celery application, for its workers and for the client. ``BENCH_REDIS`` is the socket of the Redis server."""

import os

import calls
import celery

socket = os.environ["BENCH_REDIS"]
app = celery.Celery("bench", broker=f"redis+socket://{socket}", backend=f"redis+socket://{socket}")
app.conf.update(
    # Pickle carries bytes as they are; JSON would have to encode them.
    task_serializer="pickle",
    result_serializer="pickle",
    accept_content=["pickle"],
    task_ignore_result=False,
    task_acks_late=False,
    task_compression=None,
    # The documentation's advice for many short tasks: 64 or 128.
    worker_prefetch_multiplier=128,
    worker_disable_rate_limits=True,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)
noop = app.task(calls.noop)
echo = app.task(calls.echo)

"""The client: submits functions to a service and brings back their results.

From the outside in: ``client`` and ``executor`` are what people use; ``packing``
and ``functions`` turn calls into payloads; ``draft`` and ``sender`` send them as
bundles; ``stream`` and ``inbox`` bring results to ``sinks``, which are futures.
``http`` carries all requests. ``docs/protocol.md`` has what is said on the wire.
"""

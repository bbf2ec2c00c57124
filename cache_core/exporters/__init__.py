"""Other places that may be told of reads, beside the figures shared through the store.

`cache_core.exporters.prometheus` and `cache_core.exporters.opentelemetry` need their packages, and
are imported by whoever wants them.
"""

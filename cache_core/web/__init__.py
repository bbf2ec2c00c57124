"""Caching as HTTP tells of it: headers made from reads, and a decorator for routes.

`headers` needs nothing beside the library. `cached_route` needs Starlette, which the extra `web`
brings: `pip install "cache-core[web]"`.
"""

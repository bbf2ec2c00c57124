"""The caches that are compared, by a short name."""

from __future__ import annotations

from importlib import import_module

from benchmarks.peers.base import NotOffered, Peer, Place

__all__ = ["KINDS", "NotOffered", "Peer", "Place", "make", "peer_class"]

KINDS = {
    "redis-py": "redis_py:RedisPy",
    "redis-py-async": "redis_py:RedisPyAsync",
    "ours": "ours:Ours",
    "ours-async": "ours:OursAsync",
    "ours-near": "ours:OursNear",
    "dogpile": "dogpile:Dogpile",
    "dogpile-lock": "dogpile:DogpileLock",
    "dogpile-timeouts": "dogpile:DogpileTimeouts",
    "cashews": "cashews_peer:Cashews",
    "cashews-lock": "cashews_peer:CashewsLock",
    "aiocache": "aiocache_peer:Aiocache",
    "aiocache-stampede": "aiocache_peer:AiocacheStampede",
    "aiocache-pickle": "aiocache_peer:AiocachePickle",
    "aiocache-timeout": "aiocache_peer:AiocacheTimeout",
    "cachetools": "in_process:Cachetools",
    "streamlit": "in_process:StreamlitCacheData",
}


def peer_class(kind: str) -> type[Peer]:
    """Its adapter; only what is asked for is imported."""
    module, _, name = KINDS[kind].partition(":")
    found: type[Peer] = getattr(import_module(f"benchmarks.peers.{module}"), name)
    return found


def make(kind: str, place: Place) -> Peer:
    """A peer set up in this process."""
    return peer_class(kind)(place)

"""Values to bytes and back, exactly: what comes out has the same value and types as what went in.

Plain values are JSON. A value JSON would bend (a tuple, a set, a date, an int key, a frame) is
wrapped as {"!": kind, ...}; binary parts (arrays, frames) stand behind the JSON text. Nothing
in the bytes can run: classes come from the caller's `Models`, never from a name in the bytes alone.

Forged bytes may make values that were never stored, as a checksum is no signature; they cannot make
code run, objects of other classes, or memory grow out of proportion to their size.
"""

from __future__ import annotations

from typing import Any

import orjson

from cache_core.decoding import Decoder
from cache_core.encoding import Encoder, plain_text
from cache_core.encoding import UncacheableError as UncacheableError
from cache_core.logs import in_short
from cache_core.models import Models as Models
from cache_core.models import models_named_by as models_named_by
from cache_core.parts import Buffer, Parts, UndecodableError, expand, join, shrink_text


def encode(value: object, models: Models) -> tuple[bool, bool, bytes]:
    """Bytes of a value.

    Args:
        value: what the source returned.
        models: dataclasses, enums, named tuples and pydantic models it may hold, by `model_name`.
    Returns: (wrapped, packed, body); `wrapped` is False when the body is plain JSON, which is then
        packed as a whole if `packed`. A wrapped body packs its parts one by one.
    Raises: UncacheableError naming the type that cannot be kept exactly.
    """
    try:
        text = plain_text(value)
        if text is None:
            encoder = Encoder(models)
            text = orjson.dumps(encoder.walk(value))
            if encoder.wrapped:
                return True, False, join(text, encoder.blobs)
    except UncacheableError:
        raise
    except (
        Exception
    ) as exc:  # an attribute never set, a property that raises: the value is not ours
        raise UncacheableError(f"it cannot be taken apart: {in_short(exc)}") from exc
    packed = shrink_text(text)
    return False, packed is not None, packed or text


def decode(wrapped: bool, packed: bool, body: Buffer, models: Models) -> Any:
    """The value `encode` was given. Raises UndecodableError."""
    try:
        if not wrapped:
            return orjson.loads(expand(body) if packed else body)
        decoder = Decoder(models, Parts(body))
        return decoder.walk(decoder.parse(0))
    except UndecodableError:
        raise
    except Exception as exc:  # foreign bytes fail in more ways than can be listed
        raise UndecodableError(f"{type(exc).__name__} while reading an entry") from exc

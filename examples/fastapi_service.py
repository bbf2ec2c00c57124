"""A FastAPI service whose slow function is cached, for all its workers at once.

pip install ".[redis]" fastapi uvicorn              (in the checkout, once)
REDIS_URL=redis://127.0.0.1:6379/0 uvicorn --app-dir examples fastapi_service:app
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from cache_core import connect

cache = connect()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(cache.close)  # hands the figures over


app = FastAPI(lifespan=lifespan)


@cache.cached("service.price", ttl_s=60)
async def price(product: str) -> dict[str, float]:
    await asyncio.sleep(0.2)  # a slow supplier
    return {"price": 1.5 * len(product)}


@app.get("/prices/{product}")
async def get_price(product: str) -> dict[str, float]:
    return await price(product)

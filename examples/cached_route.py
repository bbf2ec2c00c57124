"""A Starlette app whose products are cached for a minute, and forgotten when one is changed.

pip install ".[redis,web]" uvicorn                  (in the checkout, once)
uvicorn --app-dir examples cached_route:app

Then ask http://127.0.0.1:8000/products/7 twice.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cache_core import connect
from cache_core.web.routes import cached_route

cache = connect()  # memory, or what REDIS_URL names
prices = {7: 120, 8: 90}


@cached_route(cache, "shop.product", ttl_s=60, tags=lambda request: [tag_of(request)])
async def product(request: Request) -> Response:
    number = request.path_params["number"]
    return JSONResponse({"product": number, "price": prices[number]})


async def set_price(request: Request) -> Response:
    prices[request.path_params["number"]] = (await request.json())["price"]
    await cache.aio.invalidate_tags([tag_of(request)])
    return Response(status_code=204)


def tag_of(request: Request) -> str:
    return f"product:{request.path_params['number']}"


app = Starlette(
    routes=[
        Route("/products/{number:int}", product),
        Route("/products/{number:int}", set_price, methods=["PUT"]),
    ]
)

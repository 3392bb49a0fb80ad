"""Routes whose endpoints take nothing but texts of the path and the request."""

from __future__ import annotations

from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi.routing import APIRoute


@cache
def plain_route() -> type[APIRoute]:
    """The class of such a route: it is described as any other, and called without looking for more."""
    from fastapi.routing import APIRoute

    class Plain(APIRoute):
        def get_route_handler(self) -> Any:
            endpoint, names = self.endpoint, tuple(signature(self.endpoint).parameters)

            async def handle(request: Any) -> Any:
                given = request.path_params
                return await endpoint(**{name: given.get(name, request) for name in names})

            return handle

    return Plain

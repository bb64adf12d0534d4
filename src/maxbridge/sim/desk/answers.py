"""FreeScout's answers other than data: validation errors, error pages; and the parsed call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from maxbridge.sim.wire import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maxbridge.sim.desk.php import Params

HTML = {"content-type": "text/html; charset=UTF-8"}
NGINX_HTML = {"content-type": "text/html"}

_TITLES = {
    403: "Access Denied",
    404: "Page Not Found",
    405: "Method Not Allowed",
    500: "Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Call:
    """An authorised call: the ids of its path, the cleaned query and the body's parameters."""

    ids: tuple[str, ...]
    query: Mapping[str, str | None]
    params: Params = field(default_factory=dict)


class ApiError(Exception):
    """An answer that ends a call early."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def invalid(path: str, message: str) -> ApiError:
    """Refuse a parameter: 400, only the first error (contract freescout.md 1)."""
    error = {"path": path, "message": message, "source": "JSON"}
    body = {"message": "Error occurred", "_embedded": {"errors": [error]}}
    return ApiError(Response.json(400, body))


def required(name: str) -> ApiError:
    """Refuse a call without a key (case 22)."""
    return invalid(name, f"`{name}` parameter is required")


def not_found() -> ApiError:
    """Say that a record does not exist; a switched-off module says less (contract 1)."""
    return ApiError(Response.json(404, {"message": "Not Found", "_embedded": {"errors": []}}))


def module_missing(name: str) -> ApiError:
    """Refuse what a paid module would do (case 02)."""
    message = f"{name} module is not installed or not activated"
    return ApiError(Response.json(400, {"message": message, "_embedded": {"errors": []}}))


def created(number: int, data: Any) -> Response:
    """Answer a POST: 201 with the header Resource-ID."""
    return Response.json(201, data, {"resource-id": str(number)})


def no_content() -> Response:
    """Answer a PUT or DELETE."""
    return Response(204, b"", HTML)


def error_page(status: int, extra: Mapping[str, str] | None = None) -> Response:
    """Build the page that a client without ``Accept: application/json`` gets (case 83)."""
    title = _TITLES[status]
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n    <head>\n        <meta charset="utf-8">\n'
        f"        <title>{title}</title>\n    </head>\n"
        f"    <body><div>{title}</div></body>\n</html>\n"
    )
    return Response(status, page.encode(), {**HTML, **(extra or {})})


def nginx_page(status: int, title: str) -> Response:
    """Build a page of the web server in front of PHP: always HTML (cases 42, 83)."""
    page = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return Response(status, page.encode(), NGINX_HTML)

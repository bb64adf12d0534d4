"""The refusals of the MAX API with the codes and texts of the recorded samples."""

from __future__ import annotations

PAYLOAD = "proto.payload"
NOT_READY = "attachment.not.ready"


class ApiError(Exception):
    """A request that is answered with an error body (contract max.md 5.3)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def bad(message: str, code: str = PAYLOAD) -> ApiError:
    """The request itself is wrong; repeating it cannot help."""
    return ApiError(400, code, message)


def not_ready(kind: str) -> ApiError:
    """An upload is not processed yet: try again with a growing delay (contract max.md 5.3)."""
    name = "video" if kind == "video" else "file"
    return bad(f"Key: errors.process.attachment.{name}.not.processed", NOT_READY)


def invalid_token() -> ApiError:
    """The token is unknown, or not in the header (contract max.md 2)."""
    return ApiError(401, "verify.token", "Invalid access_token")


def malformed_token() -> ApiError:
    """The token came with a scheme as ``Bearer`` (contract max.md 2)."""
    return ApiError(401, "verify.token", "Malformed access token")


def suspended() -> ApiError:
    """The user stopped the bot (contract max.md 5.3)."""
    return ApiError(403, "chat.denied", "error.dialog.suspended")


def denied() -> ApiError:
    """The bot may not do that in this chat (contract max.md 5.3)."""
    return ApiError(403, "chat.denied", "error.chat.denied")


def no_chat(chat_id: object) -> ApiError:
    """No such chat, or none that the bot takes part in."""
    return ApiError(404, "chat.not.found", f"Chat {chat_id} not found")


def no_dialog() -> ApiError:
    """The user never wrote to the bot (contract max.md 5.3)."""
    return ApiError(404, "dialog.not.found", "error.dialog.notfound")


def not_found(what: str = "Message") -> ApiError:
    """There is no such message, video or address."""
    return ApiError(404, "not.found", f"{what} not found")


def not_allowed() -> ApiError:
    """The address exists, the method on it does not."""
    return ApiError(405, "method.not.allowed", "Method not allowed")


def too_many() -> ApiError:
    """Too fast (contract max.md 1, 5.1)."""
    return ApiError(429, "too.many.requests", "Too many requests")

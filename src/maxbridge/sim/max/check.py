"""Check a bot's message, attachment by attachment, and refuse what MAX refuses."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

from maxbridge.sim.max.errors import ApiError, bad
from maxbridge.sim.max.markup import Formatted, check_link, render, utf16_len
from maxbridge.sim.max.store import Json, MaxStore

MAX_TEXT = 4000
MAX_ATTACHMENTS = 12
MAX_BUTTON_TEXT = 128
MAX_BUTTON_PAYLOAD = 1024
ALONE = frozenset({"file", "audio", "contact", "sticker"})
BUTTONS = frozenset(
    {
        "callback",
        "link",
        "request_contact",
        "request_geo_location",
        "open_app",
        "message",
        "clipboard",
        "chat",
    }
)
BODY_MEMBERS = frozenset({"text", "attachments", "link", "notify", "format"})


class Draft(NamedTuple):
    """A checked message; None for a member that was not given."""

    text: Formatted | None
    attachments: list[Json] | None
    link: Json | None

    def content(self) -> Json:
        """Give the members of a new message's body."""
        content: Json = {}
        if self.text is not None and self.text.text:
            content["text"] = self.text.text
        if self.attachments:
            content["attachments"] = self.attachments
        if self.text is not None and self.text.markup:
            content["markup"] = self.text.markup
        return content


class Checker:
    """Turns a NewMessageBody into a draft or raises ApiError (contract max.md 5.1).

    Attributes:
        stripped: Tags that MAX does not know and drops; a test wants none.
    """

    def __init__(self, store: MaxStore) -> None:
        self.stripped: list[str] = []
        self._store = store
        self._callbacks = count(1)
        self._readers: dict[str, Callable[[Json], list[Json]]] = {
            "image": self._image,
            "video": self._upload,
            "audio": self._upload,
            "file": self._upload,
            "sticker": self._sticker,
            "contact": self._contact,
            "location": self._location,
            "share": self._share,
            "inline_keyboard": self._keyboard,
        }

    def read(self, body: Any) -> Draft:
        """Check a body's members one by one; tokens are used up only when all else is right."""
        data = _object(body, "body")
        unknown = set(data) - BODY_MEMBERS
        if unknown:
            raise bad(f"unknown property {min(unknown)}")
        if not isinstance(data.get("notify", True), bool):
            raise bad("notify: boolean expected")
        text = self._text(data.get("text"), data.get("format"))
        link = self._link(data.get("link"))
        return Draft(text, self._attachments(data.get("attachments")), link)

    def read_new(self, body: Any) -> Draft:
        """Check a message to be created, which must hold something."""
        draft = self.read(body)
        forward = draft.link is not None and draft.link["type"] == "forward"
        if not draft.content() and not forward:
            raise bad("text: must not be empty without attachments")
        return draft

    def _text(self, text: Any, style: Any) -> Formatted | None:
        if style not in (None, "html", "markdown"):
            raise bad(f"format: unknown value {style}")
        if text is None:
            return None
        if not isinstance(text, str):
            raise bad("text: string expected")
        # The limit counts the markup as well.
        if utf16_len(text) > MAX_TEXT:
            raise bad(f"text: size must be between 0 and {MAX_TEXT}")
        formatted = render(text, style)
        self.stripped.extend(formatted.stripped)
        return formatted

    def _link(self, link: Any) -> Json | None:
        if link is None:
            return None
        data = _object(link, "link")
        if data.get("type") not in ("reply", "forward"):
            raise bad("link.type: reply or forward expected")
        try:
            return self._store.link_to(data["type"], _string(data, "mid", "link"))
        except ApiError as error:
            raise (bad("link.mid: message not found") if error.status == 404 else error) from None

    def _attachments(self, attachments: Any) -> list[Json] | None:
        if attachments is None:
            return None
        if not isinstance(attachments, list):
            raise bad("attachments: array expected")
        if len(attachments) > MAX_ATTACHMENTS:
            raise bad(f"attachments: size must be between 0 and {MAX_ATTACHMENTS}")
        items = [_object(one, "attachment") for one in attachments]
        kinds = [one.get("type") for one in items]
        if len(kinds) > 1 and not ALONE.isdisjoint(kinds):
            raise bad("Must be only one attachment of type file, audio, contact or sticker")
        return [made for one in items for made in self._reader(one)(one)]

    def _reader(self, attachment: Json) -> Callable[[Json], list[Json]]:
        kind = attachment.get("type")
        reader = self._readers.get(kind) if isinstance(kind, str) else None
        if reader is None:
            raise bad(f"attachment: unknown type {kind}")
        return reader

    def _upload(self, attachment: Json) -> list[Json]:
        kind = attachment["type"]
        token = _payload(attachment).get("token")
        if not isinstance(token, str) or not token:
            raise bad(f"Missing `token` in {kind} attachment")
        return [self._store.media.take(kind, token)]

    def _image(self, attachment: Json) -> list[Json]:
        payload = {key: value for key, value in _payload(attachment).items() if value is not None}
        if len(payload) != 1:
            raise bad("image: exactly one of url, token and photos expected")
        name, value = next(iter(payload.items()))
        media = self._store.media
        if name == "url" and isinstance(value, str):
            check_link(value)
            return [media.attachment(media.add("image", b"", value))]
        if name == "token" and isinstance(value, str):
            return [media.take("image", value)]
        if name == "photos" and isinstance(value, dict) and value:
            tokens = [_string(_object(one, "photos"), "token", "photos") for one in value.values()]
            return [media.take("image", token) for token in tokens]
        raise bad("image: url, token or photos expected")

    @staticmethod
    def _sticker(attachment: Json) -> list[Json]:
        code = _string(_payload(attachment), "code", "sticker")
        url = f"https://i.oneme.ru/getSmile?smileId={code}&smileType=4"
        payload = {"url": url, "code": code}
        return [{"payload": payload, "width": 170, "height": 170, "type": "sticker"}]

    @staticmethod
    def _contact(attachment: Json) -> list[Json]:
        payload = _payload(attachment)
        if "name" not in payload:
            raise bad("Missing `name` in contact attachment")
        card = payload.get("vcf_info") or f"BEGIN:VCARD\r\nFN:{payload['name']}\r\nEND:VCARD\r\n"
        return [{"payload": {"vcf_info": card}, "type": "contact"}]

    @staticmethod
    def _location(attachment: Json) -> list[Json]:
        place = {name: attachment.get(name) for name in ("latitude", "longitude")}
        for name, value in place.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise bad(f"{name}: number expected")
        return [{**place, "type": "location"}]

    @staticmethod
    def _share(attachment: Json) -> list[Json]:
        payload = _payload(attachment)
        if not (payload.get("url") or payload.get("token")):
            raise bad("share: url or token expected")
        return [{"payload": payload, "type": "share"}]

    def _keyboard(self, attachment: Json) -> list[Json]:
        rows = _payload(attachment).get("buttons")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
            raise bad("buttons: array of arrays expected")
        for row in rows:
            for button in row:
                _check_button(_object(button, "button"))
        callback_id = f"callback-{next(self._callbacks)}"
        payload = {"buttons": rows}
        return [{"callback_id": callback_id, "payload": payload, "type": "inline_keyboard"}]


def _check_button(button: Json) -> None:
    kind = button.get("type")
    if kind not in BUTTONS:
        raise bad(f"button: unknown type {kind}")
    if not 1 <= utf16_len(_string(button, "text", "button")) <= MAX_BUTTON_TEXT:
        raise bad(f"button.text: size must be between 1 and {MAX_BUTTON_TEXT}")
    if kind == "link":
        check_link(_string(button, "url", "button"))
    if kind in ("callback", "clipboard"):
        payload = _string(button, "payload", "button")
        if utf16_len(payload) > MAX_BUTTON_PAYLOAD:
            raise bad(f"button.payload: size must be between 0 and {MAX_BUTTON_PAYLOAD}")


def _object(value: Any, name: str) -> Json:
    if not isinstance(value, dict):
        raise bad(f"{name}: object expected")
    return value


def _payload(attachment: Json) -> Json:
    return _object(attachment.get("payload"), f"{attachment['type']}.payload")


def _string(data: Json, name: str, where: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise bad(f"{where}.{name}: string expected")
    return value

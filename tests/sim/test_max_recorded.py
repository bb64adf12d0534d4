"""What the simulated MAX emits and answers has the shape of the recorded samples and the schema."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import yaml
from maxapi import Bot
from maxapi.methods.types.getted_updates import get_update_model
from openapi_schema_validator import OAS30Validator

from max_story import happenings
from max_world import CHAT, USER, World, sample
from virtual_time import virtual

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"
SCHEMA = CONTRACTS / "max-openapi-2026-07-01.yaml"


def shape(value: Any) -> Any:
    """Reduce JSON to its members and types; of a list, to the shape of its first element."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value).__name__


# Members of samples that the simulator leaves out. Each is optional in the contract.
OPTIONAL = {
    "response.get_chat.group": {"owner_id", "link"},
    # The sample's people wrote plain texts; the simulated history holds more kinds.
    "response.get_messages": {"messages"},
}


EVENTS = sorted(
    path.name.removeprefix("update.").removesuffix(".json")
    for path in (Path(__file__).parents[1] / "data" / "max").glob("update.*.json")
)
# What MAX emits but nobody does in the simulator: tests inject these samples with ``raw``.
INJECTED = {
    "batch_with_poison",
    "message_created.body_null",
    "message_created.from_other_bot",
    "unknown_type.comment_created",
}


@pytest.mark.parametrize("name", [name for name in EVENTS if name not in INJECTED])
def test_events_have_the_members_of_the_recorded_ones(name: str) -> None:
    events, _ = happenings()
    recorded = sample(f"update.{name}")["updates"][0]
    assert shape(events[name]) == shape(recorded)


@pytest.mark.parametrize("name", sorted(happenings()[1]))
def test_answers_have_the_members_of_the_recorded_ones(name: str) -> None:
    _, answers = happenings()
    recorded = {
        member: value
        for member, value in sample(name).items()
        if member not in OPTIONAL.get(name, ())
    }
    ours = {member: answers[name][member] for member in recorded}
    assert shape(ours) == shape(recorded)
    extra = set(answers[name]) - set(sample(name))
    assert extra == set()


@pytest.mark.parametrize("name", sorted(INJECTED))
@virtual
async def test_recorded_events_can_be_injected(name: str) -> None:
    world = World()
    recorded = sample(f"update.{name}")["updates"]
    for event in recorded:
        world.state.raw(event)
    assert await world.events() == recorded


@pytest.mark.parametrize("name", ["text_reply", "file", "image_tokens"])
@virtual
async def test_recorded_requests_are_accepted(name: str) -> None:
    world = World()
    body = sample(f"request.post_messages.{name}")
    world.state.say(USER, "вопрос")
    mid = world.state.say(USER, attachments=body["attachments"])  # makes their tokens known
    if "link" in body:
        body["link"]["mid"] = mid
    assert (await world.send(body))[0] == 200


# --- the client library ---

UNREADABLE = {  # by maxapi, as measured (max.md 8)
    "message_created.unknown_attachment",
    "message_created.native_voice_empty",
}


@pytest.mark.parametrize("name", [name for name in EVENTS if name not in INJECTED])
@virtual
async def test_the_client_library_reads_the_events(name: str) -> None:
    events, _ = happenings()
    bot = Bot(token="x", auto_requests=False)
    model = await get_update_model(events[name], bot)
    assert (model is None) == (name in UNREADABLE)
    if model is not None:
        assert model.update_type == events[name]["update_type"]


# --- the published schema ---

# Where the schema and reality differ, reality wins; each line says why.
NOT_REQUIRED = {
    "User": ("username", "name"),  # real payloads omit what is not set (max.md 3, 9.16)
    "Recipient": ("user_id",),  # absent in groups (max.md 3.1)
    "MessageBody": ("text", "attachments", "link"),  # absent ones are left out (max.md 4)
    "Chat": ("title", "icon", "description"),  # the recorded dialog has none of them
    "PhotoAttachmentPayload": ("photo_id", "token"),  # a video's thumbnail has only a url
}


@functools.cache
def schema() -> Any:
    if not SCHEMA.exists():
        pytest.skip("the contracts are not beside this checkout")
    document = yaml.safe_load(SCHEMA.read_text())
    schemas = document["components"]["schemas"]
    for name, members in NOT_REQUIRED.items():
        required = schemas[name]["required"]
        schemas[name]["required"] = [one for one in required if one not in members]
    # Only "chat" is listed; dialogs and channels exist all the same (max.md 3.1).
    schemas["ChatType"]["enum"] = ["chat", "dialog", "channel"]
    # A mistake of the file: a member is marked with a boolean "required".
    del schemas["MessageBody"]["properties"]["attachments"]["required"]
    # Another: the thumbnail is called a string and an object in one breath; it is an object.
    video = schemas["VideoAttachment"]["allOf"][1]["properties"]
    del video["thumbnail"]["type"]
    return document


def check(name: str, value: Any) -> None:
    root = {"components": schema()["components"], "allOf": [{"$ref": _pointer(name)}]}
    problems = [
        f"{name}{error.json_path[1:]}: {error.message}"
        for error in OAS30Validator(root).iter_errors(value)
    ]
    assert problems == []


def _pointer(name: str) -> str:
    return f"#/components/schemas/{name}"


def schema_of_event(event: Any) -> str:
    mapping = schema()["components"]["schemas"]["Update"]["discriminator"]["mapping"]
    pointer: str = mapping[event["update_type"]]["$ref"]
    return pointer.rpartition("/")[2]


def attachments_in(value: Any) -> list[Any]:
    """Find all attachments, however deep; the schema checks them only by their own name."""
    if isinstance(value, list):
        return [found for one in value for found in attachments_in(one)]
    if not isinstance(value, dict):
        return []
    here = value.get("attachments") or []
    return here + [found for one in value.values() for found in attachments_in(one)]


def check_attachments(value: Any) -> None:
    mapping = schema()["components"]["schemas"]["Attachment"]["discriminator"]["mapping"]
    for attachment in attachments_in(value):
        if attachment["type"] in mapping:
            check(mapping[attachment["type"]].rpartition("/")[2], attachment)


@pytest.mark.parametrize(
    "name",
    # The voice stub has no message: a bug of MAX that the schema does not know (max.md 4).
    [name for name in EVENTS if name not in INJECTED | {"message_created.native_voice_empty"}],
)
def test_events_keep_the_schema(name: str) -> None:
    events, _ = happenings()
    event = events[name]
    check(schema_of_event(event), event)
    check_attachments(event)


@pytest.mark.parametrize(
    ("name", "schema_name"),
    [
        ("response.get_me", "BotInfo"),
        ("response.get_chat.dialog", "Chat"),
        ("response.get_chat.group", "Chat"),
        ("response.get_messages", "MessageList"),
        ("response.get_subscriptions.empty", "GetSubscriptionsResult"),
        ("response.get_subscriptions.active", "GetSubscriptionsResult"),
        ("response.get_video", "VideoAttachmentDetails"),
        ("response.post_messages", "SendMessageResult"),
        ("response.post_messages.group", "SendMessageResult"),
        ("upload.1.post_uploads.image_or_file", "UploadEndpoint"),
        ("upload.1.post_uploads.video_or_audio", "UploadEndpoint"),
        ("updates.empty", "UpdateList"),
    ],
)
def test_answers_keep_the_schema(name: str, schema_name: str) -> None:
    _, answers = happenings()
    check(schema_name, answers[name])
    check_attachments(answers[name])


@pytest.mark.parametrize("kind", ["image", "video", "audio", "file"])
@virtual
async def test_attachments_keep_the_schema(kind: str) -> None:
    world = World()
    check_attachments({"attachments": [world.state.attach(kind, b"", "a.mp4")]})
    check_attachments({"attachments": [world.state.contact(USER, "79990000017")]})


@virtual
async def test_refusals_keep_the_schema() -> None:
    world = World()
    for path in ("/nothing", f"/chats/{CHAT}", "/messages", "/messages/mid.1"):
        status, body = await world.get(path)
        assert status >= 400
        check("Error", body)

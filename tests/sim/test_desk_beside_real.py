"""What random acts on the simulator beside a real FreeScout 1.8.235 showed to differ (30 Nov 2026), mended."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from maxbridge.sim.desk import DeskSim
from maxbridge.sim.desk.state import DeskRefusedError
from maxbridge.sim.wire import Request

NOW = 1_795_387_025
ADMIN, AGENT = 1, 2


class Desk:
    """The simulator with a clock and a client."""

    def __init__(self) -> None:
        self.now = NOW
        self.sim = DeskSim(now=lambda: self.now)
        self.state = self.sim.state

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = Request(
            method,
            f"/api/{path}",
            {},
            {
                "accept": "application/json",
                "content-type": "application/json",
                "x-freescout-api-key": self.sim.key,
            },
            b"" if body is None else json.dumps(body).encode(),
        )
        answer = await self.sim.handle(request)
        return answer.status, json.loads(answer.body) if answer.body else None

    async def ticket(self, **more: Any) -> Any:
        body = {
            "type": "chat",
            "mailboxId": 1,
            "subject": "S",
            "customer": {"firstName": "Вера"},
            "threads": [{"type": "customer", "text": "раз"}],
            **more,
        }
        status, answer = await self.call("POST", "conversations", body)
        assert status == 201
        return answer

    async def show(self, ticket: int = 1) -> Any:
        _, answer = await self.call("GET", f"conversations/{ticket}")
        return answer

    async def customer(self, **fields: Any) -> tuple[int, Any]:
        status, answer = await self.call("POST", "customers", {"firstName": "П", **fields})
        return status, answer["_embedded"] if status == 201 else answer

    async def changed(self, **fields: Any) -> Any:
        """The customer of ticket 1 after a PUT, or its status if it was refused."""
        status, _ = await self.call("PUT", "customers/1", fields)
        if status != 204:
            return status
        _, answer = await self.call("GET", "customers/1")
        return answer["_embedded"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_clone_was_created_by_the_customer(desk: Desk) -> None:
    await desk.ticket()
    copy = await desk.show(desk.state.clone(1))
    assert copy["createdBy"] == copy["customer"]


async def test_a_status_that_is_set_already_is_refused_and_changes_nothing(desk: Desk) -> None:
    await desk.ticket()
    desk.state.set_status(1, "closed")
    before = await desk.show()
    desk.now += 5
    with pytest.raises(DeskRefusedError, match="already"):
        desk.state.set_status(1, "closed")
    assert await desk.show() == before


async def test_a_status_that_is_set_already_is_set_again_in_the_list_of_tickets(desk: Desk) -> None:
    ticket = await desk.ticket()
    desk.state.set_status(ticket["id"], "closed")
    before = await desk.show(ticket["id"])
    desk.now += 5
    desk.state.set_status(ticket["id"], "closed", in_list=True)
    after = await desk.show(ticket["id"])
    assert len(after["_embedded"]["threads"]) == len(before["_embedded"]["threads"]) + 1
    assert all(after[name] > before[name] for name in ("updatedAt", "userUpdatedAt", "closedAt"))


async def test_an_assignee_who_is_set_already_is_refused_but_nobody_may_be_unassigned(
    desk: Desk,
) -> None:
    await desk.ticket()
    desk.state.assign(1, AGENT)
    with pytest.raises(DeskRefusedError, match="already"):
        desk.state.assign(1, AGENT)
    desk.state.assign(1, None)
    desk.state.assign(1, None)
    assert (
        sum(row["type"] == "lineitem" for row in (await desk.show())["_embedded"]["threads"]) == 3
    )


async def test_a_long_subject_is_cut_in_the_answer_to_the_post(desk: Desk) -> None:
    assert (await desk.ticket(subject="ж" * 1500))["subject"] == "ж" * 998


async def test_an_empty_subject_may_be_set(desk: Desk) -> None:
    await desk.ticket()
    await desk.call("PUT", "conversations/1", {"subject": ""})
    assert (await desk.show())["subject"] == ""


async def test_words_of_an_agent_in_a_new_conversation_move_its_user_time(desk: Desk) -> None:
    said = [{"type": "note", "text": "n", "user": ADMIN}, {"type": "customer", "text": "c"}]
    assert (await desk.ticket(threads=said))["userUpdatedAt"] is not None
    assert (await desk.ticket())["userUpdatedAt"] is None


async def test_notes_of_others_cannot_be_deleted_not_even_by_an_administrator(desk: Desk) -> None:
    await desk.ticket()
    note = desk.state.note(1, "<div>n</div>")
    with pytest.raises(DeskRefusedError):
        desk.state.delete_note(note, user=ADMIN)
    desk.state.delete_note(note, user=AGENT)


async def test_agents_edit_customers_words_only_and_nobody_edits_line_items(desk: Desk) -> None:
    await desk.ticket()
    reply = desk.state.reply(1, "<div>r</div>")
    desk.state.set_status(1, "closed")
    line = (await desk.show())["_embedded"]["threads"][-1]["id"]
    with pytest.raises(DeskRefusedError):
        desk.state.edit_thread(reply, "x", user=AGENT)
    with pytest.raises(DeskRefusedError):
        desk.state.edit_thread(line, "x", user=ADMIN)
    desk.state.edit_thread(1, "исправлено", user=AGENT)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([{"value": "x", "type": "чушь"}], [("x", "other")]),
        ([{"value": "x", "type": "Telegram"}], [("x", "other")]),
        ([{"value": "x", "type": "telegram"}], [("x", "telegram")]),
        ([{"value": "x", "type": ""}], [("x", "other")]),
        ([{"value": "x"}], []),
        ([{"value": "x", "type": "vk"}, {"value": "x", "type": "other"}], [("x", "vk")]),
        ([["a", "b"]], []),
    ],
)
async def test_social_profiles(desk: Desk, given: Any, shown: list[tuple[str, str]]) -> None:
    status, embedded = await desk.customer(socialProfiles=given)
    assert status == 201
    assert [(row["value"], row["type"]) for row in embedded["social_profiles"]] == shown


@pytest.mark.parametrize(
    "fields",
    [
        {"socialProfiles": {"value": "x", "type": "vk"}},
        {"socialProfiles": "строка"},
        {"phones": "+7 999"},
        {"emails": [{"value": "a@lab.test"}]},
    ],
)
async def test_what_kills_the_making_of_a_customer(desk: Desk, fields: Any) -> None:
    assert (await desk.customer(**fields))[0] == 500


async def test_kinds_that_are_unknown_become_work(desk: Desk) -> None:
    _, made = await desk.customer(
        phones=[{"value": "1", "type": "чушь"}],
        emails=[{"value": "a@lab.test", "type": "чушь"}],
        websites=["https://a.example", "нет"],
    )
    assert made["phones"][0]["type"] == made["emails"][0]["type"] == "work"
    assert [row["value"] for row in made["websites"]] == ["https://a.example", "http://нет"]


async def test_a_list_of_plain_addresses_is_taken_for_known_ones_in_a_post(desk: Desk) -> None:
    status, answer = await desk.customer(emails=["a@lab.test"])
    assert status == 400
    assert "already exist" in answer["_embedded"]["errors"][0]["message"]


async def test_addresses_and_phones_of_a_put(desk: Desk) -> None:
    await desk.ticket()

    def emails(answer: Any) -> list[tuple[str, str]]:
        return [(row["value"], row["type"]) for row in answer["emails"]]

    assert await desk.changed(emails=[{"value": "a@lab.test"}]) == 500
    first = await desk.changed(emails=[{"value": "a@lab.test", "type": "home"}])
    assert emails(first) == [("a@lab.test", "home")]
    added = await desk.changed(emails_add=["b@lab.test"])
    assert emails(added) == [("a@lab.test", "home"), ("b@lab.test", "work")]
    assert emails(await desk.changed(email="c@lab.test")) == emails(added)
    assert emails(await desk.changed(emails=[])) == emails(added)
    assert emails(await desk.changed(emails=["d@lab.test"])) == [("d@lab.test", "work")]
    assert emails(await desk.changed(emails=["", {"value": "e@lab.test", "type": "work"}])) == [
        ("e@lab.test", "work")
    ]
    assert emails(await desk.changed(emails=[{"value": "", "type": "work"}])) == []
    await desk.changed(phones=[{"value": "124", "type": "mobile"}])
    phones = (await desk.changed(phone="125"))["phones"]
    assert [(row["value"], row["type"]) for row in phones] == [("124", "mobile"), ("125", "work")]


WHOLE = {"city": "Тверь", "state": "ТО", "zip": "170000", "country": "ru", "address": "Мира, 1"}


@pytest.mark.parametrize(
    ("given", "put", "post"),
    [
        ({"address": {"city": "М"}}, 500, 500),
        ({"address": {"city": "М", "country": "RU", "address": ""}}, 500, {"city": "М", "country": "RU"}),
        ({"address": {"country": "", "address": "у"}}, 500, 500),
        ({"address": "у"}, 500, 500),
        ({"country": ""}, 500, 500),
        ({"country": None}, 500, 500),
        ({"address": {}}, WHOLE | {"country": "RU"}, {}),
        ({"address": ""}, WHOLE | {"country": "RU", "address": None}, {}),
        ({"address": {"country": "ru", "address": "у"}}, WHOLE | {"country": "RU", "address": "у"}, {"country": "RU", "address": "у"}),
        ({"address": {"city": "низ", "address": "у"}, "city": " в<b>ерх</b> "}, WHOLE | {"country": "RU", "address": "у", "city": "верх"}, {"address": "у", "city": "верх"}),
        ({"city": "", "state": "", "zip": "", "country": "-", "address": ""}, dict.fromkeys(WHOLE) | {"country": ""}, {"country": ""}),
    ],
)  # fmt: skip
async def test_the_parts_of_a_place(desk: Desk, given: Any, put: Any, post: Any) -> None:
    status, made = await desk.customer(**given)
    answer: Any = status
    if status == 201:
        answer = {name: value for name, value in made["address"].items() if value is not None}
    assert answer == post
    await desk.ticket()
    assert (await desk.changed(address=WHOLE))["address"] == WHOLE | {"country": "RU"}
    changed = await desk.changed(**given)
    assert (changed if changed == 500 else changed["address"]) == put


@pytest.mark.parametrize(("given", "kept"), [("a&b;c=d#e.txt", "a&b;c=d_e.txt"), (5, "5")])
async def test_names_of_files(desk: Desk, given: Any, kept: str) -> None:
    await desk.ticket()
    file = {"fileName": given, "mimeType": "text/plain", "data": base64.b64encode(b"x").decode()}
    body = {"type": "customer", "text": "f", "attachments": [file]}
    _, answer = await desk.call("POST", "conversations/1/threads", body)
    assert [row["fileName"] for row in answer["_embedded"]["attachments"]] == [kept]


@pytest.mark.parametrize(("field", "made"), [("data", 0), ("fileName", 1), ("mimeType", 1)])
async def test_lists_in_a_file_kill_the_request_before_or_after_the_thread(
    desk: Desk, field: str, made: int
) -> None:
    await desk.ticket()
    file: dict[str, Any] = {"fileName": "a.txt", "mimeType": "text/plain", "data": "eA=="}
    body = {"type": "customer", "text": "f", "attachments": [{**file, field: ["x"]}]}
    assert (await desk.call("POST", "conversations/1/threads", body))[0] == 500
    assert len((await desk.show())["_embedded"]["threads"]) == 1 + made


async def test_who_closed_it_is_shown_while_it_is_closed_and_not_forgotten(desk: Desk) -> None:
    await desk.ticket()
    desk.state.set_status(1, "closed")
    reopened = {"type": "customer", "text": "ещё"}
    await desk.call("POST", "conversations/1/threads", reopened)
    assert (await desk.show())["closedBy"] is None
    await desk.call("POST", "conversations/1/threads", {**reopened, "status": "closed"})
    shown = await desk.show()
    assert (shown["closedBy"], shown["closedByUser"]["id"]) == (AGENT, AGENT)


async def test_a_reply_to_a_closed_ticket_that_closes_again_changes_not_who_closed_it(
    desk: Desk,
) -> None:
    await desk.ticket()
    desk.state.set_status(1, "closed", user=ADMIN)
    closed_at = (await desk.show())["closedAt"]
    desk.now += 60
    desk.state.reply(1, "<div>r</div>", status="closed")
    shown = await desk.show()
    assert (shown["closedBy"], shown["closedAt"]) == (ADMIN, closed_at)


async def test_a_merge_into_what_is_gone_for_ever_names_no_number(desk: Desk) -> None:
    await desk.ticket()
    await desk.ticket()
    desk.state.merge(2, 1)
    lines = [row["action"]["text"] for row in (await desk.show())["_embedded"]["threads"]]
    assert "Boris Agent merged into conversation #2" in lines
    desk.state.delete_forever(2)
    lines = [row["action"]["text"] for row in (await desk.show())["_embedded"]["threads"]]
    assert "Boris Agent merged into conversation #" in lines


@pytest.mark.parametrize(
    ("of_message", "of_ticket", "of_copy"), [(AGENT, AGENT, None), (None, AGENT, AGENT)]
)
async def test_whose_a_copied_message_is(
    desk: Desk, of_message: int | None, of_ticket: int, of_copy: int | None
) -> None:
    await desk.ticket(assignTo=of_message)
    desk.state.assign(1, None)
    desk.state.assign(1, of_ticket)
    copy = await desk.show(desk.state.clone(1))
    assigned = copy["_embedded"]["threads"][0]["assignedTo"]
    assert (assigned and assigned["id"]) == of_copy


async def test_a_draft_goes_to_whose_the_ticket_is_when_it_is_sent(desk: Desk) -> None:
    await desk.ticket()
    await desk.ticket(customer={"firstName": "Другая"})
    draft = desk.state.save_draft(1, "<div>d</div>")
    desk.state.merge(2, 1)
    desk.state.publish_draft(draft)
    sent = [row for row in (await desk.show(2))["_embedded"]["threads"] if row["id"] == draft]
    assert sent[0]["customer"]["firstName"] == "Другая"


async def test_an_older_note_that_is_deleted_moves_nothing(desk: Desk) -> None:
    await desk.ticket()
    older, newer = desk.state.note(1, "<div>одно</div>"), desk.state.note(1, "<div>два</div>")
    desk.now += 60
    before = await desk.show()
    desk.state.delete_note(older)
    assert (await desk.show())["updatedAt"] == before["updatedAt"]
    desk.state.delete_note(newer)
    assert (await desk.show())["updatedAt"] > before["updatedAt"]


async def test_a_note_publishes_a_deleted_ticket(desk: Desk) -> None:
    await desk.ticket()
    desk.state.delete(1)
    desk.state.note(1, "<div>n</div>")
    assert (await desk.show())["state"] == "published"


async def test_a_copy_is_of_the_messages_own_customer(desk: Desk) -> None:
    await desk.ticket()
    await desk.ticket(customer={"firstName": "Другая"})
    desk.state.merge(2, 1)
    copy = await desk.show(desk.state.clone(2, 1))
    assert copy["customer"]["firstName"] == "Вера"


async def test_the_note_of_a_forward_is_no_preview_when_a_later_note_is_deleted(desk: Desk) -> None:
    await desk.ticket()
    desk.state.forward(1, "boss@lab.test", "<div>переслано</div>")
    desk.state.delete_note(desk.state.note(1, "<div>потом</div>"))
    assert (await desk.show())["preview"] == "раз"


async def test_what_a_discarded_draft_takes_along(desk: Desk) -> None:
    await desk.ticket()
    draft, reply = desk.state.save_draft(1, "<div>d</div>"), desk.state.reply(1, "<div>r</div>")
    begun = desk.state.new_conversation("<div>n</div>", customer_id=1, draft=True)
    (words,) = desk.state.threads_of(begun)
    for thread in (draft, reply, words.id, draft):
        desk.state.discard_draft(thread)
    assert {row["id"] for row in (await desk.show())["_embedded"]["threads"]} == {1, reply}
    assert (await desk.call("GET", f"conversations/{begun}"))[0] == 404


async def recipients(desk: Desk, thread: int, ticket: int = 1) -> Any:
    shown = (await desk.show(ticket))["_embedded"]["threads"]
    return next(row["to"] for row in shown if row["id"] == thread)


async def test_agents_write_to_the_address_that_the_ticket_has(desk: Desk) -> None:
    await desk.ticket()
    assert await desk.changed(emails=["vera@lab.test"])
    before = desk.state.reply(1, "<div>r</div>")
    assert await recipients(desk, before) == []
    await desk.call("POST", "conversations/1/threads", {"type": "customer", "text": "два"})
    assert await desk.changed(emails=["other@lab.test"])
    draft = desk.state.save_draft(1, "<div>d</div>")
    desk.state.publish_draft(draft)
    for thread in (desk.state.reply(1, "<div>r</div>"), desk.state.note(1, "<div>n</div>"), draft):
        assert await recipients(desk, thread) == ["vera@lab.test"]


async def test_words_of_agents_by_api_go_to_the_address_that_the_customer_has(desk: Desk) -> None:
    await desk.ticket(customer={"firstName": "Вера", "email": "vera@lab.test"})
    assert await desk.changed(emails=["other@lab.test"])
    for kind in ("message", "note"):
        body = {"type": kind, "text": "t", "user": ADMIN}
        _, answer = await desk.call("POST", "conversations/1/threads", body)
        assert answer["to"] == ["other@lab.test"]


async def test_a_reply_takes_the_address_into_a_ticket_by_mail_only(desk: Desk) -> None:
    for kind, to in (("email", ["vera@lab.test"]), ("chat", [])):
        made = await desk.ticket(type=kind)
        customer = desk.state.customers[made["customer"]["id"]]
        customer.emails = [desk.state.make_email("vera@lab.test")]
        note = desk.state.note(made["id"], "<div>n</div>")
        assert await recipients(desk, note, made["id"]) == []
        reply = desk.state.reply(made["id"], "<div>r</div>")
        assert await recipients(desk, reply, made["id"]) == to


async def test_an_address_that_a_ticket_has_is_not_deleted_but_gets_a_card_of_its_own(
    desk: Desk,
) -> None:
    vera = {"firstName": "Вера", "emails": [{"value": "vera@lab.test", "type": "work"}]}
    await desk.ticket(customer=vera)
    assert (await desk.changed(emails=["vera@lab.test", "free@lab.test"]))["emails"]
    assert (await desk.changed(emails=[""]))["emails"] == []
    assert desk.state.customer_by_email("free@lab.test") is None
    for _ in range(2):
        card = desk.state.customer_by_email("VERA@lab.test")
        assert card is not None
        assert (card.id, card.first_name, card.phones) == (max(desk.state.customers), None, [])
        await desk.call("PUT", f"customers/{card.id}", {"emails": [""]})
    desk.state.delete_forever(1)
    (last,) = (row.id for row in desk.state.customers.values() if row.emails)
    await desk.call("PUT", f"customers/{last}", {"emails": [""]})
    assert desk.state.customer_by_email("vera@lab.test") is None


async def test_an_address_moves_with_a_list_of_all_and_not_with_one_of_more(desk: Desk) -> None:
    def values(answer: Any) -> list[str]:
        return [row["value"] for row in answer["emails"]]

    await desk.ticket()
    for address in ("a@lab.test", "b@lab.test"):
        await desk.customer(email=address)
    assert values(await desk.changed(emailsAdd=["a@lab.test"])) == []
    assert values(await desk.changed(emails=["c@lab.test"])) == ["c@lab.test"]
    # The oldest is the first, whatever the list says.
    listed = ["c@lab.test", "b@lab.test"]
    assert values(await desk.changed(emails=listed)) == listed[::-1]
    assert values(await desk.changed(emails=["d@lab.test"] * 2)) == ["d@lab.test"]
    _, other = await desk.call("GET", "customers/3")
    assert values(other["_embedded"]) == []


async def test_action_texts_name_the_customer_by_what_their_card_says_now(desk: Desk) -> None:
    await desk.ticket()
    _, made = await desk.call(
        "POST", "customers", {"emails": [{"value": "vera@lab.test", "type": "work"}]}
    )
    desk.state.change_customer(1, made["id"])
    await desk.call("POST", "conversations/1/threads", {"type": "customer", "text": "два"})

    async def texts() -> set[str]:
        shown = (await desk.show())["_embedded"]["threads"]
        return {row["action"]["text"] for row in shown if row["id"] > 1}

    who = "changed the customer to"
    agent = desk.state.users[AGENT].name
    assert await texts() == {
        f"{agent} {who} vera@lab.test in conversation #1",
        "vera@lab.test replied to conversation #1",
    }
    await desk.call("PUT", f"customers/{made['id']}", {"emails": [""]})
    assert await texts() == {
        f"{agent} {who}  in conversation #1",
        "System replied to conversation #1",
    }


async def test_tickets_are_found_by_their_own_address(desk: Desk) -> None:
    await desk.ticket(customer={"firstName": "Вера", "email": "vera@lab.test"})
    await desk.changed(emails=["other@lab.test"])
    for address, found in (("VERA@lab.test", 1), ("other@lab.test", 0)):
        rows = await desk.sim.handle(
            Request(
                "GET",
                "/api/conversations",
                {"customerEmail": address},
                {"accept": "application/json", "x-freescout-api-key": desk.sim.key},
                b"",
            )
        )
        assert json.loads(rows.body)["page"]["totalElements"] == found


async def test_a_copy_has_files_of_its_own(desk: Desk) -> None:
    file = {"fileName": "a.txt", "mimeType": "text/plain", "data": "eA=="}
    await desk.ticket(threads=[{"type": "customer", "text": "раз", "attachments": [file]}])
    copy = await desk.show(desk.state.clone(1))
    shown = [
        row["_embedded"]["threads"][0]["_embedded"]["attachments"][0]
        for row in (await desk.show(), copy)
    ]
    assert shown[0]["id"] != shown[1]["id"]
    assert shown[0]["fileUrl"] != shown[1]["fileUrl"]
    assert shown[0]["fileName"] == shown[1]["fileName"] == "a.txt"


async def test_words_of_an_agent_by_api_leave_a_deleted_ticket_deleted(desk: Desk) -> None:
    await desk.ticket()
    desk.state.delete(1)
    for kind, state in (("message", "deleted"), ("note", "deleted"), ("customer", "published")):
        body = {"type": kind, "text": "t", "user": ADMIN}
        await desk.call("POST", "conversations/1/threads", body)
        assert (await desk.show())["state"] == state


async def test_a_merged_record_takes_what_it_lacks(desk: Desk) -> None:
    add = desk.state.add_customer
    winner = add(first_name="П", last_name="", notes="MAX id 1", address={"city": "Тверь"})
    loser = add(
        first_name="О",
        last_name="Петрова",
        notes="MAX id 2",
        job_title="Врач",
        address={"city": "Уфа", "zip": "1"},
    )
    desk.state.merge_customers(winner.id, loser.id)
    _, card = await desk.call("GET", f"customers/{winner.id}")
    shown = [card[name] for name in ("firstName", "lastName", "notes", "jobTitle")]
    assert shown == ["П", "Петрова", "MAX id 1", "Врач"]
    place = card["_embedded"]["address"]
    assert (place["city"], place["zip"]) == ("Тверь", "1")


async def test_a_ticket_of_a_record_that_was_merged_away_was_created_by_nobody(desk: Desk) -> None:
    winner = await made(desk)
    ticket = await desk.ticket()
    desk.state.merge_customers(winner, ticket["customer"]["id"])
    row = await desk.show(ticket["id"])
    assert row["createdBy"] is None
    assert row["customer"]["id"] == winner
    assert row["_embedded"]["threads"][0]["createdBy"]["id"] == winner


async def test_the_oldest_address_is_the_main_one_of_a_merged_record(desk: Desk) -> None:
    loser = await made(desk, emails=[{"value": "old@lab.test", "type": "work"}])
    winner = await made(desk, emails=[{"value": "new@lab.test", "type": "work"}])
    desk.state.merge_customers(winner, loser)
    assert desk.state.email_of(winner) == "old@lab.test"


async def test_the_first_words_in_a_phone_ticket_begin_it(desk: Desk) -> None:
    customer = await made(desk)
    number = desk.state.new_conversation("звонил", customer_id=customer, kind="phone")
    assert (await desk.show(number))["createdBy"]["type"] == "user"
    body = {"type": "customer", "text": "два"}
    _, thread = await desk.call("POST", f"conversations/{number}/threads", body)
    assert "started a new conversation" in thread["action"]["text"]
    assert (await desk.show(number))["createdBy"]["id"] == customer
    _, thread = await desk.call("POST", f"conversations/{number}/threads", body)
    assert "replied to conversation" in thread["action"]["text"]


@pytest.mark.parametrize("act", ["draft", "forward"])
@pytest.mark.parametrize("address", [[], [{"value": "v@lab.test", "type": "work"}]])
async def test_a_draft_and_a_forward_turn_a_phone_ticket_into_a_mail(
    desk: Desk, act: str, address: list[Any]
) -> None:
    number = desk.state.new_conversation(
        "звонил", customer_id=await made(desk, emails=address), kind="phone"
    )
    if act == "draft":
        desk.state.publish_draft(desk.state.save_draft(number, "ответ"))
    else:
        desk.state.forward(number, "other@lab.test", "переслано")
    row = await desk.show(number)
    assert row["type"] == ("email" if address else "phone")


async def made(desk: Desk, **fields: Any) -> int:
    await desk.customer(**fields)
    return max(desk.state.customers)

"""Scenarios of a ticket's life: merges both ways, clone, move, delete, status, another customer's record."""

from __future__ import annotations

import asyncio

from maxbridge.sim.max.store import Person
from real_desk.agent import CLOSED, SPAM
from real_desk.play import NotYetError, Play, Scenario


async def _two_tickets(play: Play, person: Person) -> tuple[int, int]:
    """One customer with two tickets: the first was closed, and reopen_days is 0."""
    first = await play.opened(person, "первый тикет {}")
    await play.agent.set_status(first, CLOSED)
    await asyncio.sleep(2)
    return first, await play.opened(person, "второй тикет {}")


async def merge_old_into_new(play: Play) -> None:
    """The old ticket is merged into the new one, with a reply in its undo window in each."""
    person = play.person("Слияние", "Вперёд")
    old, new = await _two_tickets(play, person)
    before = [await play.reply(old, person), await play.reply(new, person)]
    await play.arrived(*before)
    waiting = [await play.reply(old, person), await play.reply(new, person)]
    for word in (*before, *waiting):
        word.ordered = False  # each ticket has an order of its own
    await play.admin.merge(new, old)
    await play.arrived(*waiting)
    await play.landed(play.say(person, "после слияния {}"))
    await play.arrived(await play.reply(new, person))


async def merge_new_into_old(play: Play) -> None:
    """The new ticket, in which the customer writes, is merged into the old one."""
    person = play.person("Слияние", "Назад")
    old, new = await _two_tickets(play, person)
    waiting = await play.reply(new, person)
    await play.admin.merge(old, new)
    at_once = play.say(person, "сразу после слияния {}")
    await play.arrived(waiting)
    await play.landed(at_once, play.say(person, "потом {}"))
    await play.arrived(await play.reply(old, person))


async def merge_strangers(play: Play) -> None:
    """Tickets of two customers are merged: neither gets a word of the other's."""
    stays, gone = play.person("Остаётся"), play.person("Уходит")
    target, source = await play.opened(stays), await play.opened(gone)
    delivered = await play.reply(source, gone)
    await play.arrived(delivered)
    await play.admin.merge(target, source)
    play.expect_notes()  # the survivor is told that the other customer writes elsewhere
    await asyncio.sleep(5)
    await play.arrived(await play.reply(target, stays))
    again = await play.opened(gone, "я снова {}")
    if again in (target, source):
        raise RuntimeError("another customer's message landed in the merged ticket")
    await play.arrived(await play.reply(again, gone))
    await play.landed(play.say(stays))


async def clone(play: Play) -> None:
    """An agent clones a ticket: what was copied is history, answers in copy and original leave once."""
    person = play.person("Клон")
    said = play.say(person, "это скопируют {}")
    original = await play.ticket(said)
    before = await play.reply(original, person)
    await play.arrived(before)
    said.times += 1  # FreeScout's own copy
    copy = await play.agent.clone(play.stage.settings.mailbox, await play.thread(said))
    play.tickets.add(copy)
    await asyncio.sleep(
        1.1
    )  # nobody answers in the very second of the copy; times are whole seconds
    words = [await play.reply(copy, person, "<div>в копии {}</div>")]
    words.append(await play.reply(original, person, "<div>в оригинале {}</div>"))
    for word in words:
        word.ordered = False  # of two tickets
    await play.arrived(*words)
    await play.landed(play.say(person))


async def move(play: Play) -> None:
    """A ticket moved to another mailbox goes on."""
    person = play.person("Переезд")
    ticket = await play.opened(person)
    waiting = await play.reply(ticket, person)
    await play.agent.move(ticket, play.stage.settings.mailbox2)
    await play.arrived(waiting)
    said = play.say(person)
    if await play.ticket(said) != ticket:
        raise RuntimeError("a moved ticket lost its customer")
    await play.arrived(await play.reply(ticket, person))


async def delete_and_restore(play: Play) -> None:
    """Deleted to the folder: the next message is in a new ticket; a reply brings the old one back."""
    person = play.person("Корзина")
    ticket = await play.opened(person)
    waiting = await play.reply(ticket, person)
    await play.admin.delete(ticket)
    await play.arrived(waiting)
    new = await play.ticket(play.say(person, "после удаления {}"))
    if new == ticket:
        raise RuntimeError("a message went into a deleted ticket")
    await play.admin.restore(ticket)
    await play.arrived(await play.reply(ticket, person))
    await play.landed(play.say(person))


async def delete_forever(play: Play) -> None:
    """Deleted for ever: the next message opens a new ticket."""
    person = play.person("Навсегда")
    said = play.say(person)
    ticket = await play.ticket(said)
    said.times = 0  # it goes with its ticket
    await play.admin.delete(ticket)
    await play.admin.delete_forever(ticket)
    await play.until(lambda: ticket not in play.desk.conversations, "the ticket is gone")
    new = await play.opened(person, "снова {}")
    await play.arrived(await play.reply(new, person))


async def spam(play: Play) -> None:
    """A ticket marked as spam stays spam, whatever the customer writes; a reply out of it leaves."""
    person = play.person("Спам")
    ticket = await play.opened(person)
    await play.agent.set_status(ticket, SPAM)
    await play.landed(play.say(person, "ещё {}"))
    row = play.desk.conversations[ticket]
    if row["status"] != "spam":
        raise RuntimeError(f"a message made spam {row['status']}")
    await play.arrived(await play.reply(ticket, person))


async def closing_reply(play: Play) -> None:
    """A reply that closes its ticket leaves, and the answer opens a new one (reopen_days is 0)."""
    person = play.person("Закрытие")
    ticket = await play.opened(person)
    await play.arrived(await play.reply(ticket, person, status=CLOSED))
    new = await play.ticket(play.say(person, "спасибо {}"))
    if new == ticket:
        raise RuntimeError("reopen_days = 0 reopened a ticket")
    await play.arrived(await play.reply(new, person))


async def new_record(play: Play) -> None:
    """An agent gives the ticket to a record with an address that is nobody's else: both ways go on."""
    person = play.person("Карточка")
    ticket = await play.opened(person)
    await play.arrived(await play.reply(ticket, person))
    email = f"customer{person.user_id}@lab.test"
    await play.desk.post(
        "/api/customers",
        {
            "firstName": "Карточка с адресом",
            "emails": [{"value": email, "type": "work"}],
            "socialProfiles": [{"type": "other", "value": f"max:{person.user_id}"}],
        },
    )
    await play.agent.change_customer(ticket, email)
    await play.until(
        lambda: play.desk.conversations[ticket]["customer"]["email"] == email, "the new record"
    )
    await play.arrived(await play.reply(ticket, person))
    await play.landed(play.say(person, "с новой карточкой {}"))


async def merged_records(play: Play) -> None:
    """An agent merges the customer's record into a mail customer's, then a third one into that."""
    person = play.person("Две", "Карточки")
    ticket = await play.opened(person)
    await play.arrived(await play.reply(ticket, person))
    card = _card(play, ticket)
    email = f"merged{person.user_id}@lab.test"
    body = {"firstName": "Почтовый", "emails": [{"value": email, "type": "work"}]}
    kept = (await play.desk.post("/api/customers", body))["id"]
    await play.admin.merge_customers(kept, card)
    await _both_ways(play, ticket, person)
    third = (await play.desk.post("/api/customers", {"firstName": "Третья"}))["id"]
    await play.admin.merge_customers(third, kept)
    await _both_ways(play, ticket, person)


async def merged_strangers(play: Play) -> None:
    """An agent merges two customers' records by mistake: each goes on in their own ticket."""
    people = play.person("Чужой", "Первый"), play.person("Чужой", "Второй")
    tickets = [await play.opened(each) for each in people]
    await play.admin.merge_customers(*(_card(play, each) for each in tickets))
    for _ in range(2):
        for ticket, person in zip(tickets, people, strict=True):
            await _both_ways(play, ticket, person)


def _card(play: Play, ticket: int) -> int:
    number: int = play.desk.conversations[ticket]["customer"]["id"]
    return number


async def _both_ways(play: Play, ticket: int, person: Person) -> None:
    """Wait until words have gone both ways.

    Raises:
        NotYetError: They stand in another ticket, or have not arrived.
    """
    if await play.ticket(play.say(person, "после слияния карточек {}")) != ticket:
        raise NotYetError("the customer's words are in another ticket")
    await play.arrived(await play.reply(ticket, person))


async def given_away(play: Play) -> None:
    """A ticket is given to another MAX customer: nothing written there reaches the first one."""
    first, second = play.person("Первый"), play.person("Второй")
    ticket, other = await play.opened(first), await play.opened(second)
    email = f"second{second.user_id}@lab.test"
    customer = play.desk.conversations[other]["customer"]["id"]
    await play.desk.put(
        f"/api/customers/{customer}", {"emails": [{"value": email, "type": "work"}]}
    )
    await play.agent.change_customer(ticket, email)
    await asyncio.sleep(3)
    secret = play.inside(first)
    play.expect_notes()
    await play.agent.reply(ticket, f"<div>второму {secret}</div>")
    new = await play.ticket(play.say(first, "а я пишу дальше {}"))
    if new == ticket:
        raise RuntimeError("a message landed in a ticket of another customer")
    await play.arrived(await play.reply(new, first))
    await play.landed(play.say(second))


SCENARIOS = (
    Scenario(
        "merge old into new", "A merge is followed, nothing is sent twice", merge_old_into_new
    ),
    Scenario(
        "merge new into old", "A merge is followed, nothing is sent twice", merge_new_into_old
    ),
    Scenario("merge of strangers", "Nobody gets another one's words", merge_strangers),
    Scenario("clone", "A copy is history, answers in it leave once", clone),
    Scenario("move", "A moved ticket goes on both ways", move),
    Scenario("delete, restore", "A message lands where an agent sees it", delete_and_restore),
    Scenario("delete for ever", "A message lands where an agent sees it", delete_forever),
    Scenario("spam", "Spam stays spam, a reply leaves", spam),
    Scenario("closing reply", "A closing reply leaves, its answer is seen", closing_reply),
    Scenario("another record", "The chat keeps its ticket", new_record),
    Scenario("records merged", "The chat keeps its ticket", merged_records),
    Scenario("records of strangers", "Nobody gets another one's words", merged_strangers),
    Scenario("given away", "Nobody gets another one's words", given_away),
)

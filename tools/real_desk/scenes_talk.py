"""Scenarios of words and files: text, bursts, files, edits, undo, drafts, notes, chat mode."""

from __future__ import annotations

import asyncio

from real_desk.agent import Agent
from real_desk.ledger import Way
from real_desk.play import UNDO_SECONDS, Play, Scenario, file_of

_LONG = "Подробный ответ, абзац за абзацем. " * 40


async def text(play: Play) -> None:
    """Several talks at once, turn by turn, with what people really type."""
    await asyncio.gather(*(_talk(play, name) for name in ("Вера", "Пётр", "Ким", "🙂 Оля")))


async def _talk(play: Play, name: str) -> None:
    person = play.person(name, "Проверкина")
    ticket = await play.opened(person)
    for line in (
        "<b>не жирно</b> & {} 😀",
        "строка\nещё строка {}",
        "\u200fשלום {}",
        "a" * 300 + " {}",
    ):
        play.say(person, line)
    html = "<div><b>Добрый</b> день &amp; спасибо</div><div><br></div><div>{} 😀</div>"
    word = await play.reply(ticket, person, html)
    await play.arrived(word)
    answer = play.say(person, "Спасибо, {}")
    await play.landed(answer)
    await play.arrived(
        await play.reply(ticket, person, "<div>{}</div>" + f"<div>{_LONG}</div>" * 3)
    )


async def bursts(play: Play) -> None:
    """Forty messages at once, five replies within seconds, several people at a time."""
    people = [play.person(f"Спешка{n}") for n in range(3)]
    words = [[play.say(person, "быстро {}") for _ in range(40)] for person in people]
    for person, said in zip(people, words, strict=True):
        ticket = await play.ticket(said[0])
        replies = [await play.reply(ticket, person) for _ in range(5)]
        await play.landed(said[-1])
        await play.arrived(replies[-1])


async def files_in(play: Play) -> None:
    """Pictures, documents, sound and film of a customer, alone and several; a HEIC with its JPEG."""
    person = play.person("Фото", "Файлова")
    await play.opened(person)
    play.send_files(person, "снимок {}", ("image", "", "image/jpeg"))
    play.send_files(
        person,
        "три файла {}",
        ("file", "Договор №1 «Рога».pdf", "application/pdf"),
        ("file", "отчёт за ноябрь.txt", "text/plain"),
        ("file", 'счёт "важный".txt', "text/plain"),
    )
    words = play.send_files(person, "голос и видео {}", ("audio", "a.mp3", "audio/mpeg"))
    words += play.send_files(person, "видео {}", ("video", "v.mp4", "video/mp4"))
    words += play.send_files(person, "с айфона {}", ("file", "IMG_0001.heic", "image/heic"))
    photo = words[-2]
    words.append(play.say(person, "и слова после файлов {}"))
    await play.landed(*(word for word in words if not word.in_file))
    thread = play.desk.thread_with(photo.token)
    files = thread["_embedded"]["attachments"] if thread is not None else []
    if [each["fileName"] for each in files] != ["IMG_0001.heic", "IMG_0001.jpg"]:
        raise RuntimeError(f"a HEIC picture came as {files}")


async def files_out(play: Play) -> None:
    """An agent's attachments, a pasted picture, a picture without words."""
    person = play.person("Получатель")
    ticket = await play.opened(person)
    inside = [play.word_in_file(Way.MAX, person) for _ in range(5)]
    first = [
        file_of("Прайс на декабрь.pdf", "application/pdf", inside[0]),
        file_of("фото.png", "image/png", inside[1]),
        file_of("заметки.txt", "text/plain", inside[2]),
    ]
    await play.reply(ticket, person, "<div>вложения {}</div>", files=first)
    await play.reply(
        ticket,
        person,
        "<div>снимок экрана {}</div>",
        pasted=[file_of("image.png", "image/png", inside[3])],
    )
    alone = file_of("одна картинка.png", "image/png", inside[4])
    await play.agent.reply(ticket, "<div><br></div>", files=[alone])
    await play.reply(ticket, person, "<div>слова после файлов {}</div>")
    await play.arrived(*inside)


async def edits_by_customer(play: Play) -> None:
    """A customer edits and deletes: the ticket keeps the old words and shows the new ones."""
    person = play.person("Передумов")
    old, mid = play.say_with_mid(person, "Заказ 15 {}")
    await play.landed(old)
    play.edit(person, mid, old, "Заказ 16 {}")
    await asyncio.sleep(1)
    removed, mid = play.say_with_mid(person, "лишнее {}")
    await play.landed(removed)
    removed.times += 1  # quoted in the line that tells of it
    play.bridge.max.state.remove(mid)
    await play.landed(play.say(person, "последнее {}"))


async def edits_by_agent(play: Play) -> None:
    """A delivered reply that is edited changes in the chat; an edited customer's message does not."""
    person = play.person("Читатель")
    ticket = await play.opened(person)
    first, second = await play.reply(ticket, person), await play.reply(ticket, person)
    await play.arrived(first, second)
    new = play.stage.ledger.word(play.name, Way.MAX, person.user_id)
    new.sure, new.ordered, second.times = True, False, 0
    await play.admin.edit(await play.thread(second), f"<div>исправлено {new}</div>")
    await play.arrived(new)
    # An older reply's edit shows in no time of the ticket: it is seen when the ticket is read next.
    older = play.stage.ledger.word(play.name, Way.MAX, person.user_id)
    older.ordered, first.times = False, 0
    await play.admin.edit(await play.thread(first), f"<div>и это исправлено {older}</div>")
    await play.arrived(await play.reply(ticket, person), older)
    said = play.say(person, "моё {}")
    await play.landed(said)
    changed = play.inside(person)
    await play.agent.edit(await play.thread(said), f"<div>агент дописал {changed} {said}</div>")
    await play.arrived(await play.reply(ticket, person))


async def undo(play: Play) -> None:
    """A reply taken back within the 15 seconds never leaves; sent again, it leaves with its new words."""
    person = play.person("Отмена")
    ticket = await play.opened(person)
    for pause in (0.0, 5.0, 12.0):
        taken_back = play.inside(person)
        await play.agent.reply(ticket, f"<div>не отправлять {taken_back}</div>")
        thread = await play.thread(taken_back)
        await asyncio.sleep(pause)
        if not await play.agent.undo(thread):
            raise RuntimeError(f"FreeScout refused to undo after {pause} s")
        if pause:
            await play.agent.discard_draft(thread)
        else:
            await asyncio.sleep(UNDO_SECONDS + 5)
            await play.arrived(await play.reply(ticket, person, draft=thread))
    late = await play.reply(ticket, person)
    thread = await play.thread(late)
    await asyncio.sleep(UNDO_SECONDS + 2)
    if await play.agent.undo(thread):
        raise RuntimeError("FreeScout undid a reply after 17 s")
    await play.arrived(late)


async def drafts(play: Play) -> None:
    """A draft never leaves; published late, below newer replies by its number, it leaves once."""
    person = play.person("Черновик")
    ticket = await play.opened(person)
    early = play.inside(person)
    draft = await play.agent.save_draft(ticket, f"<div>черновик {early}</div>")
    thrown = play.inside(person)
    other = await play.admin.save_draft(ticket, f"<div>не пригодится {thrown}</div>")
    await play.arrived(await play.reply(ticket, person, "<div>новее черновика {}</div>"))
    await play.agent.save_draft(ticket, f"<div>ещё пишу {early}</div>", draft)
    await play.admin.discard_draft(other)
    await asyncio.sleep(UNDO_SECONDS + 5)
    await play.arrived(await play.reply(ticket, person, "<div>дописал {}</div>", draft=draft))


async def private(play: Play) -> None:
    """Notes, their files, line items and forwards never leave; statuses and assignees move nothing."""
    person = play.person("Тайна")
    ticket = await play.opened(person)
    note, inside, forwarded = (play.inside(person) for _ in range(3))
    await play.agent.note(
        ticket, f"<div>между нами {note}</div>", files=[file_of("f.txt", "text/plain", inside)]
    )
    await play.agent.assign(ticket, -1)
    await play.agent.set_subject(ticket, "MAX: другая тема")
    await play.agent.set_status(ticket, 3)
    await play.agent.set_status(ticket, 1)
    await play.agent.forward(ticket, "chief@lab.test", f"<div>посмотрите {forwarded}</div>")
    await play.arrived(await play.reply(ticket, person))
    await play.agent.delete_note(await play.thread(note))
    await play.landed(play.say(person))


async def chat_mode(play: Play) -> None:
    """Replies written in FreeScout's chat mode, where nothing can be undone, leave once."""
    person = play.person("Чатов")
    ticket = await play.opened(person)
    settings = play.stage.settings
    async with Agent(settings.url, settings.agent, settings.mailbox) as agent:
        await agent.chat_mode(ticket, on=True)
        words = [await play.reply(ticket, person, by=agent) for _ in range(3)]
        await play.landed(play.say(person))
        await play.arrived(*words)


SCENARIOS = (
    Scenario("text", "Nothing is lost or doubled, order is kept, both ways", text),
    Scenario("bursts", "Many at once arrive once and in order", bursts),
    Scenario("files in", "A customer's files arrive whole, once", files_in),
    Scenario("files out", "An agent's files and pasted pictures arrive whole, once", files_out),
    Scenario("customer's edits", "The old words are kept, the new ones shown", edits_by_customer),
    Scenario("agent's edits", "A delivered reply changes in place, nothing else", edits_by_agent),
    Scenario("undo", "What was undone never leaves", undo),
    Scenario("drafts", "A draft leaves when it is published, once", drafts),
    Scenario("private", "Private stays private", private),
    Scenario("chat mode", "Without an undo it leaves once, too", chat_mode),
)

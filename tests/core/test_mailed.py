"""Only what the agent wrote leaves of a reply by mail, and never a word of a private note."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import escape, unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_shapes import (
    HTML_SHAPES,
    PLAIN_SHAPES,
    as_plain,
    cut_by_freescout,
    gmail,
    notification,
    outlook_header_only,
    outlook_web,
    thunderbird,
)
from maxbridge.core.events import DeskFile, Names, Thread
from maxbridge.core.mailed.own import Doubt, OwnWords, own_words
from maxbridge.core.render import plain, render
from maxbridge.i18n import RU

NOTE = "Клиент скандальный, скидку больше 5 процентов не давать, пароль qwerty"
ASKED = "Где мой заказ № 15? Жду уже вторую неделю, ответьте пожалуйста."
OWN = "Будет в пятницу."


def a_thread(body: str, number: int, kind: str = "message", **more: Any) -> Thread:
    author = {"note": Names("Пётр", "Седов"), "customer": Names("Анна")}.get(
        kind, Names("Иван", "Ким")
    )
    values: dict[str, Any] = {"source": "email", "author_type": "user", "customer_id": 7} | more
    values.setdefault("author", author)
    return Thread(number, kind, "published", body, 1000.0 + number, **values)


def judged(body: str, notes: Iterable[str] = (NOTE,), **more: Any) -> OwnWords:
    others = [
        a_thread(f"<div>{ASKED}</div>", 1, "customer", source="api", author_type="customer"),
        *(
            a_thread(f"<div>{note}</div>", 2 + at, "note", source="web")
            for at, note in enumerate(notes)
        ),
    ]
    return own_words(a_thread(body, 50, **more), others)


def sent(own: OwnWords) -> str:
    return "\n".join(plain(each) for each in render(own.body, RU, keep=lambda _: False).texts)


def history(note: str = NOTE, **more: Any) -> str:
    threads = [("Пётр добавил(а) примечание", escape(note)), ("Анна ответил(а)", escape(ASKED))]
    return notification(threads, **more)


def lines_of(note: str = NOTE) -> list[str]:
    rule = "-" * 59
    return [
        "",
        "Анна ответил(а) на тикет #3",
        rule,
        "## Пётр, 30 нояб. 10:00",
        note,
        rule,
        ASKED,
        "",
    ]


# --- every program: the quote goes, the words stay ----------------------------------------------------


@pytest.mark.parametrize("shape", HTML_SHAPES)
@pytest.mark.parametrize("marked", [True, False])
def test_only_what_the_agent_wrote_leaves(shape: str, *, marked: bool) -> None:
    for quote in (
        history(marked=marked),
        history(marked=marked, prefix="x_"),
        "",
        f"<div>{ASKED}</div>",
    ):
        own = judged(HTML_SHAPES[shape](OWN, quote))
        assert own.doubt is None
        assert sent(own) == OWN
    # Where a mark is words only, an agent may have written what stands below it.
    own = judged(HTML_SHAPES[shape](OWN, "<div>Текст</div>"))
    assert own.doubt is Doubt.STRANGE or sent(own) == OWN


@pytest.mark.parametrize("shape", HTML_SHAPES)
def test_what_freescout_left_of_the_quotes_head_goes_too(shape: str) -> None:
    own = judged(cut_by_freescout(HTML_SHAPES[shape](OWN, history())))
    assert own.doubt is None
    assert sent(own) == OWN


@pytest.mark.parametrize("shape", PLAIN_SHAPES)
def test_of_a_mail_without_html_too(shape: str) -> None:
    own_lines = ["Будет в пятницу.", "", "До 18:00."]
    own = judged(as_plain(PLAIN_SHAPES[shape](own_lines, lines_of())))
    if shape == "plain_quote_signs":  # nobody says whose words these are
        assert own.doubt is Doubt.NOTIFICATION
    else:
        assert own.doubt is None
    assert sent(own) == "Будет в пятницу.\n\nДо 18:00." or own.doubt


def test_the_cases_of_the_report() -> None:
    # An agent's own address and a private note under FreeScout's notification, both read by a customer.
    for x in ("", "x_", "x_x_"):
        own = judged(outlook_header_only(OWN, history(marked=False), x))
        assert sent(own) == OWN
    body = f"<div>{OWN}</div><div>{history(marked=False)}</div>"
    assert judged(body).doubt is Doubt.NOTIFICATION


# --- the law ------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    "заказ приедет в пятницу до обеда клиент просит скидку не давать пароль 4711 — VIP срочно! ёлка Ёж a@b.example "
    "https://crm.example/77 достопримечательностями «счёт» & <b> &amp; 10% Zoë".split()
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=14).map(" ".join)
UNKNOWN = {
    "nothing at all": lambda own, quote: f"<div>{own}</div><div>{quote}</div>",
    "a rule": lambda own, quote: f"<div>{own}</div><hr><div>{quote}</div>",
    "an unknown class": lambda own, quote: f'<p>{own}</p><div class="zitat">{quote}</div>',
    "below": lambda own, quote: f"<blockquote>{quote}</blockquote><div>{own}</div>",
    "below a known mark": lambda own, quote: gmail("", quote) + f"<div>{own}</div>",
    "inside": lambda own, quote: gmail(
        "Ответы ниже", f"{quote}</blockquote>{own}<blockquote>{quote}"
    ),
    "a language nobody knows": lambda own, quote: (
        f"<div>{own}</div><div>Mittente: Desk &lt;d@shop.example&gt;</div><div>Zuri: x</div><div>{quote}</div>"
    ),
    "struck out": lambda own, quote: f"<div>{own}</div><s>{quote}</s>",
    "in a table": lambda own, quote: (
        f"<table><tr><td>{own}</td></tr><tr><td>{quote}</td></tr></table>"
    ),
}


def runs_of(text: str) -> set[str]:
    """What the promise is about: four words in a row, or twenty letters."""
    words = text.split()
    four = {" ".join(words[at : at + 4]) for at in range(len(words) - 3)}
    return four | {text[at : at + 24] for at in range(len(text) - 23)}


@given(
    shape=st.sampled_from([*HTML_SHAPES, *UNKNOWN]),
    own=SENTENCES,
    notes=st.lists(SENTENCES, min_size=1, max_size=3),
    marked=st.booleans(),
    by_freescout=st.booleans(),
    prefix=st.sampled_from(["", "x_", "m_12"]),
)
def test_no_run_of_a_notes_words_leaves_that_the_agent_did_not_type(
    shape: str, own: str, notes: list[str], *, marked: bool, by_freescout: bool, prefix: str
) -> None:
    make = HTML_SHAPES.get(shape) or UNKNOWN[shape]
    threads = [("Пётр", escape(note)) for note in notes] + [("Анна", escape(ASKED))]
    body = make(escape(own), notification(threads, marked=marked, prefix=prefix))
    if by_freescout:
        body = cut_by_freescout(body)
    found = judged(body, map(escape, notes))
    if found.doubt is not None:
        return
    left = " ".join(sent(found).split())
    typed = " ".join(own.split())
    for note in notes:
        for run in runs_of(note):
            assert run not in left or run in typed


@given(
    shape=st.sampled_from([*PLAIN_SHAPES]),
    own=SENTENCES,
    notes=st.lists(SENTENCES, min_size=1, max_size=3),
)
def test_nor_does_one_of_a_mail_without_html(shape: str, own: str, notes: list[str]) -> None:
    quote = [line for note in notes for line in lines_of(note)]
    found = judged(as_plain(PLAIN_SHAPES[shape]([own], quote)), map(escape, notes))
    if found.doubt is None:
        left = " ".join(sent(found).split())
        for note in notes:
            assert not any(run in left and run not in own for run in runs_of(note))


@given(
    body=st.text(alphabet=st.sampled_from("<>/= \n\"'&;:-abqdivrpoy@.10От"), max_size=200),
    note=SENTENCES,
)
def test_whatever_the_mail_is_it_is_judged(body: str, note: str) -> None:
    found = judged(body, [note])
    assert body.startswith(found.body)


# --- no word of any note: programs that nobody foresaw, notes of any length, pieces of them -------------

SECRETS = st.lists(
    st.sampled_from("вредный дядька неплатит мошенник судимость 4711 развод алкоголь пароль qwerty скандал суд".split()),
    min_size=1, max_size=9, unique=True,
).map(" ".join)  # fmt: skip
"""Notes whose words nobody else in the ticket says."""
ANSWERS = st.sampled_from(
    [
        "Будет в пятницу.",
        "Добрый день!|Товар есть на складе.",
        "Да",
        "Ждём вас 4 декабря в 10:00.|С уважением, Иван",
        "Заказ № 15:|готов",
    ]
)
NAMING = [
    "В Mon, 30 Nov 2026 10:00:00 +0300|Поддержка <help@shop.example> пишет:",  # Claws Mail
    "On Mon, Nov 30, 2026 at 10:00:00AM +0300, Support wrote:",  # Mutt
    "В письме от понедельник, 30 ноября 2026 г. 10:00:00 MSK пользователь Поддержка написал:",  # KMail
    "Вы писали 30 ноября 2026 г., 10:00:00:",  # The Bat!
    "В Пн, 30/11/2026 в 10:00 +0300, Поддержка пишет:",  # Evolution
    '------ Исходное сообщение ------|От: "Поддержка" <help@shop.example>|Кому: anna@mail.example|Отправлено: 30.11.2026 10:00:00|Тема: Re: заказ',
    "Поддержка писал 2026-11-30 10:00:",  # Roundcube
    "Цитирую Поддержка <help@shop.example>:",  # Horde
    "-------- Исходное сообщение --------|От: Поддержка <help@shop.example>|Дата: 30.11.2026 10:00 (GMT+03:00)|Кому: Анна <anna@mail.example>",
    "30.11.2026, 10:00, «Поддержка» <help@shop.example>",
    "От: Поддержка <help@shop.example> Кому: Анна Тема: [#3]",
    "От кого: Поддержка|Когда: 30 ноября",
    "Поддержка ---30.11.2026 10:00:00---",
    "Ответ на письмо от Поддержка, 30.11.2026:",
    "--- Ответ на сообщение ---", "***** Original *****", "История переписки:", "Исходное сообщение",
    "ორშ, 30 ნოე, 2026, 10:00 Support <help@shop.example> წერდა:",
    "Vào Th 2, 30 thg 11, 2026 vào lúc 10:00 Support <help@shop.example> đã viết:",
    "Mon 30 Nov 2026 um 10 Uhr", "—", "Зур-зур", "",
]  # fmt: skip
SAYING: list[Callable[[str], list[str]]] = [
    lambda said: ["Пётр Седов:", said, "Анна:", "Ок, ждём"],
    lambda said: [f"Пётр: {said}", "Анна: Ок, ждём"],
    lambda said: [f"Пётр\t{said}", "Анна\tОк, ждём"],
    lambda said: [f"Пётр Седов {said}"],
    lambda said: [f"Седов П. {said}"],
    lambda said: [f"Иван Ким {said}"],  # who replies has written the note, too
    lambda said: ["Иван Ким", said],
    lambda said: [f"Пётр (примечание): {said}"],
    lambda said: [f"Пётр | {said} | 10:00"],
    lambda said: [f"30 нояб. 10:00 Пётр добавил(а) примечание {said}"],
    lambda said: [f"«{said}»"],
    lambda said: [said],
]
DRAWING: list[Callable[[list[str]], str]] = [
    lambda lines: "".join(f"<div>{escape(line)}</div>" for line in lines),
    lambda lines: "<p>" + "<br>".join(map(escape, lines)) + "</p>",
    lambda lines: f"<blockquote>{'<br>'.join(map(escape, lines))}</blockquote>",
    lambda lines: "<br>".join(f"&gt; {escape(line)}" for line in lines),
    lambda lines: "<br>".join(f"АП&gt; {escape(line)}" for line in lines),
    lambda lines: "<br>".join(f"| {escape(line)}" for line in lines),
    lambda lines: (
        f"<table><tr>{''.join(f'<td>{escape(line)}</td>' for line in lines)}</tr></table>"
    ),
    lambda lines: f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>",
    lambda lines: f'<img alt="{escape(" ".join(lines))}" src="https://a.example/1.png">',
]


@given(
    note=SECRETS,
    cut=st.tuples(st.integers(0, 8), st.integers(2, 9)),
    own=ANSWERS,
    quote=st.tuples(st.sampled_from(NAMING), st.sampled_from(SAYING), st.sampled_from(DRAWING)),
    names_apart=st.booleans(),
    frame=st.sampled_from(["", "gmail", "outlook_web", "yandex"]),
    more=SECRETS,
)
def test_no_word_of_a_note_leaves_whatever_program_quotes_it(
    note: str, more: str, own: str, *, cut: tuple[int, int], quote: tuple[str, Any, Any], names_apart: bool, frame: str
) -> None:  # fmt: skip
    naming, says, draws = quote
    words = note.split()
    piece = words[cut[0] % len(words) :][: cut[1]]
    # One word of a longer note, alone, is what nobody can tell from a word of the agent's.
    said = " ".join(piece if len(piece) > 1 else words)
    typed = "".join(f"<div>{escape(line)}</div>" for line in own.split("|"))
    name = "<br>".join(map(escape, naming.split("|")))
    body = typed + (f"<div>{name}</div>" if names_apart else f"<br>{name}<br>") + draws(says(said))
    if frame:
        body = HTML_SHAPES[frame](body, history(more))
    found = judged(body, [note, more])
    if found.doubt is None:
        left = set(re.findall(r"\w+", sent(found)))
        assert not left & (set(note.split()) | set(more.split()))


@pytest.mark.parametrize(
    ("note", "quoted"),
    [
        ("😡", "Пётр 😡"),
        ("😡😡", "😡😡"),
        ("Клиент вредный и склочный", "Клиент вредный и скл…"),
        ("4711", "Пётр: 4711"),
        ("тел 8 999 123 45 67", "+7 (999) 123-45-67"),
        ("https://crm.example/77", "crm.example/77"),
        ("- скидка 5<br>- не хамить", "• скидка 5"),
        ("врёт", "30.11 10:00 ВРЁТ"),
        ("не платит", "не\u200b пла\u00adтит"),
        ("врёт", "(врёт!)"),
        ("VIP", "врёт / VIP"),
    ],
)
def test_a_note_of_a_few_signs_is_known_where_it_stands_apart(note: str, quoted: str) -> None:
    assert judged(f"<div>{OWN}</div><div>{quoted}</div>", [note]).doubt is Doubt.NOTE
    assert judged(f"<div>{OWN}</div><div>{quoted}</div>", ["да"]).doubt is None


@pytest.mark.parametrize("word", ["да", "Спасибо!", "Добрый день! Спасибо", "Хорошо, до свидания"])
def test_what_everybody_says_is_nobodys_secret(word: str) -> None:
    for body in (f"<div>{word}</div>", gmail(f"<div>{OWN}</div><div>{word}</div>", history())):
        assert judged(body, [word]).doubt is None


def test_what_the_customer_has_read_is_no_secret() -> None:
    note = "Заказ № 15"
    body = as_plain(["> Где мой заказ № 15?", "Ваш заказ № 15 в пути"])
    assert judged(body, [note]).doubt is None
    assert judged(body.replace("15", "16"), ["Заказ № 16"]).doubt is Doubt.NOTE


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "От: ",
        " 1",
        "-",
        "--- a ",
        "1:1",
        "a b. ",
        "*",
        "&lt;a",
        "12 абв ",
        "Пётр ",
        "a.a-a@",
        "=?",
    ],
)
def test_a_line_of_a_hundred_kilobytes_is_judged_like_a_short_one(piece: str) -> None:
    # The runner's time limit is the judge: what grows with the square of this would not end.
    assert judged(
        f"<div>{OWN}</div><div>{piece * (100_000 // len(piece))}</div>", ["врёт как всегда"]
    ).body


@pytest.mark.parametrize("naming", NAMING[:9])
@pytest.mark.parametrize("quote", [2, 3])
def test_of_programs_that_are_known_the_answer_leaves(naming: str, quote: int) -> None:
    name = "<br>".join(map(escape, naming.split("|")))
    for note in ("неплатит", "вредный дядька, скидку больше пяти не давать"):
        found = judged(
            f"<div>{OWN}</div><br>{name}<br>{DRAWING[quote](['Пётр:', note, ASKED])}", [note]
        )
        assert found.doubt is None
        assert sent(found) == OWN


@pytest.mark.parametrize(
    "own",
    [
        "Данные доставки:|Отправитель: ООО Ромашка|Получатель: Анна Тестова|Дата: 4 декабря|Код выдачи 1234",
        "Отправили:|Кому: Марина, marina@mail.example|Тема: договор|Если не пришло, ответьте сюда",
        "Получатель: Марина|Дата: 04.12.2026|mail: m@m.example|Код 1234",
        "От: Москва, ул. Ленина 1|До: Казань|Кому: Марина|Дата: 04.12.2026|Код 1234",
        "Варианты:|--|Красный 100, код 1234|Синий 200",
        "Добрый день!|Вчера вы писали, что экран разбит. Пришлите фото.",
        "Вы писали: «не работает». Попробуйте перезагрузить.",
        "Мой коллега Пётр позвонит вам 4 декабря в 10:00.",
        "Ваш мастер: Пётр, тел. +7 999 111-22-33",
        "Приём: 04.12.2026 10:00, врач Иванов.",
        "Анна, ждём вас 4 декабря 2026 в 10:00.",
        "Анна, в 10:00?",
        "Анна, 4 декабря!",
        "*** Важно ***|Не выключайте прибор.|=== Акция ===",
        "Ответ на ваш вопрос: да.|В ответ на ваше письмо от 30.11.2026 сообщаем: товар заменим.",
        "Скидка 5% или доставка: 0 ₽|A > B",
        "ФИО: Анна Тестова|Дата рождения: 01.01.1990|Паспорт: 1234 567890",
        "Расписание:|04.12.2026 10:00 — осмотр|05.12.2026 12:00 — ремонт",
        "В логе:|2026-11-30 10:00:00 error: timeout|перезапустите",
        "Ваши контакты:|Пётр Седов: +7 999 111-22-33",
        "Заказ едет.|С уважением, Иван Ким <ivan@shop.example>",
        "👍",
        "Вставьте в настройки:|From: noreply|Reply-To: a@b.example",
    ],
)
def test_what_agents_type_leaves_whole_with_a_quote_below_and_without(own: str) -> None:
    typed = "".join(f"<div>{escape(line)}</div>" for line in own.split("|"))
    for make in (lambda body, _: body, gmail, outlook_web, HTML_SHAPES["yandex"]):
        found = judged(make(typed, history(marked=False)), author_email="ivan@shop.example")
        assert found.doubt is None
        assert sent(found).split() == own.replace("|", " ").split()


@pytest.mark.parametrize(
    "own",
    [
        "Посылка:|От: склад|Кому: Марина|Когда: завтра|Код 1234",
        "Добрый день!|Пересланное сообщение:|ваш код 1234",
        "Добрый день!|Вчера, 29.11.2026 в 14:30, вы писали:|товар сломан|Мы его заменим",
        "От: ООО Ромашка, info@romashka.example|Кому: Марина|Дата: 4 декабря|Код 1234",
        "Добрый день!|Анна пишет:|> Код 1234|Мы проверим",
        "Добрый день!|В пятницу 04.12.2026 в 10:00 привезём",
        "В пятницу 04.12.2026 в 10:00|Анна",
        "Добрый день!|--|Звоните: +7 999 123-45-67|Код 1234",
        "Реквизиты:|От кого: ООО Ромашка|Кому: ИП Тестова|Дата: 04.12.2026|Номер: 5",
        "Flight:|From: Moscow|To: Kazan|Date: 4 Dec 2026 10:00|Seat: 5A",
        "Напишите так:|От: ваш адрес|Кому: <info@bank.example>|Тема: возврат|Текст: прошу вернуть",
        "Ответ поставщика:|---------- Forwarded message ---------|От: Завод <z@zavod.example>|Отгрузим 5-го",
        "Вот что ответили:|От: Завод <z@zavod.example>|Кому: нам|Отгрузим 5-го",
        "Смотрите.|Завод <z@zavod.example> пишет:|> Отгрузим 5-го",
        "Смотрите.|30.11.2026 10:00, Завод пишет:|> Отгрузим 5-го",
    ],
)
def test_what_may_be_the_agents_own_is_never_cut_without_a_word(own: str) -> None:
    typed = "".join(f"<div>{escape(line)}</div>" for line in own.split("|"))
    attributed = f"<div>Анна &lt;a@b.example&gt; пишет:</div><blockquote>{ASKED}</blockquote>"
    for body in (typed, gmail(typed, history(marked=False)), typed + attributed):
        found = judged(body)
        assert found.doubt is not None or sent(found).split() == own.replace("|", " ").split()


@pytest.mark.parametrize(
    "pasted",
    [
        '<div style="border-top:1px solid #e1e1e1">Кабель 5 м, 300 рублей</div>',
        '<table><tr><td style="border-top: 1px solid #E1E1E1; padding:4px">Кабель 5 м</td></tr></table>',
        '<div style="border:none;border-top:solid #B5C4DF 1.0pt"><p>Итого: 300 рублей</p></div>',
        '<blockquote cite="https://law.example/14">Возврат в течение 14 дней</blockquote>',
        '<p>Отправитель: ООО Ромашка</p><p style="border-top:solid #e1e1e1 1.0pt">Код 1234</p>',
    ],
)
def test_what_agents_paste_from_a_page_is_no_mark(pasted: str) -> None:
    own = f"<div>{OWN}</div>{pasted}<div>Подойдёт?</div>"
    for body in (own, f"<div>{OWN}</div>{pasted}", gmail(own, history(marked=False))):
        found = judged(body)
        words = re.sub("<.*?>", " ", body.split('<br><div class="gmail')[0]).split()
        assert found.doubt is Doubt.UNMARKED_QUOTE or set(words) <= set(
            re.findall(r"[^\s>|]+", sent(found))
        )


# --- what the agent wrote stays -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (
            "<blockquote>Когда приедет?</blockquote><div>В пятницу.</div>",
            "> Когда приедет?\nВ пятницу.",
        ),
        ("&gt; Когда приедет?<br>В пятницу.", "> Когда приедет?\nВ пятницу."),
        ("<div>Один</div><hr><div>Два</div>", "Один\n———————\nДва"),
        ("<div>С уважением,<br>Иван</div>", "С уважением,\nИван"),
        (
            "<div>Пишите на <a href='mailto:a@b.example'>a@b.example</a>:</div><div>ответим</div>",
            None,
        ),
        ("<div>Адрес: Мира, 1</div><div>Почта: a@b.example</div><div>Часы: 9:00–18:00</div>", None),
        ("<div>От: 500 рублей</div><div>до 1000</div>", None),
        ("<div>Звоните с 9:00 до 18:00:</div><div>8 800 1</div>", None),
        ("<div>Клиент пишет:</div><div>а мы читаем</div>", None),
        ("<div>Отправлено через Почту России, трек RA123</div>", None),
        ("<div>Дата: 3 декабря</div><div>Тема: осмотр</div>", None),
        ("<div>- - -</div><div>Список</div><div>— один</div>", None),
    ],
)
def test_the_agents_own_words_stay_whatever_they_look_like(own: str, words: str | None) -> None:
    for body in (own, outlook_web(own, history()), gmail(own, history(marked=False))):
        found = judged(body)
        assert found.doubt is None
        assert sent(found) == (words or sent(OwnWords(own)))


def test_what_an_agent_says_above_a_programs_mark_may_be_what_a_note_says() -> None:
    note = "Клиент просит вернуть деньги за заказ № 15"
    own = "Оформляем, как вы просили: вернуть деньги за заказ № 15 можно до пятницы."
    for make in (gmail, outlook_web, thunderbird):
        found = judged(make(own, history(note)), [note])
        assert found.doubt is None
        assert sent(found) == own
    assert judged(own, [note]).doubt is Doubt.NOTE  # nothing tells whose words these are


@pytest.mark.parametrize(
    "line",
    [
        "Отправлено с iPhone",
        "Отправлено из мобильной Почты Mail",
        "Отправлено из мобильного приложения Яндекс Почты",
        "Отправлено с моего устройства Samsung",
        "Sent from my iPhone",
        "Get Outlook for Android",
        "Gesendet von Outlook für iOS",
        "--<br>Иван Петров<br>ООО «Ромашка», +7 999 123-45-67",
        '<div class="gmail_signature">Иван Петров</div>',
        '<div id="x_Signature"><p>Иван</p></div>',
    ],
)
def test_what_a_program_puts_under_the_words_is_not_the_agents(line: str) -> None:
    for body in (
        f"<div>{OWN}</div><div>{line}</div>",
        gmail(f"<div>{OWN}</div><div>{line}</div>", history()),
    ):
        found = judged(body)
        assert found.doubt is None
        assert sent(found) == OWN


# --- in doubt nothing leaves --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "doubt"),
    [
        (gmail("", history(marked=False)), Doubt.NOTHING_LEFT),
        (gmail("<br>&nbsp;", history(marked=False)), Doubt.NOTHING_LEFT),
        ("", Doubt.NOTHING_LEFT),
        ("<div>Отправлено с iPhone</div>", Doubt.NOTHING_LEFT),
        (gmail("", history(marked=False)) + "<div>Будет в пятницу</div>", Doubt.NOTHING_LEFT),
        (
            gmail("Добрый день", history(marked=False)) + "<div>Будет в пятницу</div>",
            Doubt.AMONG_QUOTE,
        ),
        (gmail("Здравствуйте", "раз</blockquote>Да<blockquote>два"), Doubt.AMONG_QUOTE),
        (
            thunderbird("Здравствуйте", "раз</blockquote><p>Да</p><blockquote type=cite>два"),
            Doubt.AMONG_QUOTE,
        ),
        (outlook_web("Ответы ниже красным", history(marked=False)), Doubt.AMONG_QUOTE),
        ("Вот<blockquote>Возврат 14 дней</blockquote>", Doubt.UNMARKED_QUOTE),
        (f"Так<br>&gt; {'слово ' * 100}<br>нет", Doubt.UNMARKED_QUOTE),
        (f"<div>{OWN}</div><div>{NOTE}</div>", Doubt.NOTE),
        (f"<div>{OWN}</div><div>{NOTE.upper().replace(' ', '&nbsp;<br> ')}</div>", Doubt.NOTE),
        (f"<div>{OWN}</div><i>{NOTE[:30]}</i>", Doubt.NOTE),
        (f'<div>{OWN}</div><img alt="{NOTE}" src="https://a.example/b.png">', Doubt.NOTE),
        (f"<div>{OWN}</div><div>{ASKED}</div>", Doubt.HISTORY),
        (f"<div>{OWN}</div><div>Пётр added a note</div><div>тайна</div>", Doubt.NOTIFICATION),
        (f"<div>{OWN}</div><div>{{#FS:Rk5vdGlmeQ==#}}</div>", Doubt.NOTIFICATION),
        (
            f"<div>{OWN}</div><div>От: Поддержка</div><div>Кому: Анна</div><div>тайна</div>",
            Doubt.HEADER,
        ),
        (
            "<p>Пишет: Desk &lt;d@shop.example&gt;</p><p>Зур: 30.11.2026 10:00</p><p>Апа: x</p>тайна",
            Doubt.HEADER,
        ),
        ("я" * 2_000_001, Doubt.TOO_LARGE),
    ],
)
def test_in_doubt_a_reply_stays(body: str, doubt: Doubt) -> None:
    assert judged(body).doubt is doubt


@pytest.mark.parametrize("tag", ["b", "span", "a href='https://crm.example/deal/77'", "font"])
def test_a_note_is_known_however_it_is_marked_up_and_spelled(tag: str) -> None:
    note = f"Клиент <{tag}>скан\u00adдальный</{tag.split(maxsplit=1)[0]}>, скидку больше 5 процентов не давать: ещё раз"
    quoted = "клиент СКАНДАЛЬНЫЙ, скидку\nбольше&nbsp;5 процентов не&#x200b; давать: еще раз"
    assert judged(f"<div>{OWN}</div>{quoted}", [note]).doubt is Doubt.NOTE


@pytest.mark.parametrize("note", ["Врёт!", "VIP", "Врёт<br>как всегда", "<b>не</b> звонить"])
def test_a_short_note_is_known_by_its_lines(note: str) -> None:
    quoted = f"<p>Пётр</p><p>{note.replace('<br>', '</p><p>')}</p><p>Анна</p>"
    assert judged(f"<div>{OWN}</div>{quoted}", [note]).doubt is Doubt.NOTE
    is_word = len(note.split()) == 1
    assert judged(f"<div>{OWN} {note}</div>", [note]).doubt is (None if is_word else Doubt.NOTE)
    if "<br>" not in note:
        assert judged(gmail(f"<div>{note}</div>", ""), [note]).doubt is None  # typed above a mark
    below = f"<div>{OWN}</div><div>{note}</div>"
    assert judged(gmail(below, ""), [note]).doubt is Doubt.NOTE


def test_an_address_of_a_note_does_not_leave_behind_other_words() -> None:
    note = '<a href="https://crm.example/deal/77?key=s3cret">сделка</a>'
    body = '<div>Смотрите <a href="https://crm.example/deal/77?key=s3cret">тут</a></div>'
    assert judged(body, [note]).doubt is Doubt.NOTE


PICTURE = '<img src="https://desk.example/storage/attachment/1/a.png?id=77&amp;token=abc">'


def test_a_picture_of_a_note_does_not_leave() -> None:
    assert judged(f"<div>{OWN}</div>{PICTURE}", [PICTURE]).doubt is Doubt.NOTE
    assert judged(f"<div>{OWN}</div>{PICTURE}", [PICTURE.replace("77", "78")]).doubt is None
    # Outlook sends pictures of what it quotes along.
    along = DeskFile(5, "image001.png", mime="image/png", size=900)
    assert judged(OWN, [PICTURE], files=(along,)).doubt is Doubt.FILE
    assert judged(OWN, files=(along,)).doubt is None


def test_a_file_of_a_note_and_a_mail_as_a_file_do_not_leave() -> None:
    secret = DeskFile(5, "паспорт.pdf", mime="application/pdf", size=900)
    note = a_thread("смотри", 3, "note", files=(secret,))
    assert own_words(a_thread(OWN, 50, files=(secret,)), [note]).doubt is Doubt.FILE
    bill = DeskFile(6, "счёт.pdf", mime="application/pdf", size=900)
    assert own_words(a_thread(OWN, 50, files=(bill,)), [note]).doubt is None
    for name, mime in (("Re.eml", ""), ("Re.MSG", ""), ("x", "message/rfc822")):
        mail = DeskFile(7, name, mime=mime, size=1)
        assert judged(OWN, files=(mail,)).doubt is Doubt.FILE


def test_what_was_written_to_another_customer_is_private_too() -> None:
    theirs = a_thread("Ваш код от домофона 4711, никому не говорите", 3, customer_id=8)
    reply = a_thread(f"<div>{OWN}</div><div>Ваш код от домофона 4711</div>", 50)
    assert own_words(reply, [theirs]).doubt is Doubt.NOTE
    ours = a_thread("Ваш код от домофона 4711, никому не говорите", 3, customer_id=7)
    assert own_words(reply, [ours]).doubt is None


def test_the_place_of_a_cut_is_exact_whatever_stands_before_it() -> None:
    for own in (
        "a &lt; b &amp; c",
        "<pre>раз\n два\n</pre>",
        "𝒜 😀",
        "<!-- x --><b>раз</b>",
        "<script>1</script>раз",
    ):
        for shape in HTML_SHAPES.values():
            found = judged(shape(own, history()))
            assert sent(found) == sent(OwnWords(own))
    found = judged(f"<pre>{OWN}\n\n30.11.2026 10:00, Поддержка пишет:\n&gt; {NOTE}</pre>")
    assert plain(sent(found)) == OWN
    assert re.sub("<.*?>", "", unescape(found.body)).strip() == OWN


def test_the_dashes_over_a_devices_line_do_not_leave() -> None:
    body = (
        "<div>Будет в пятницу.</div><div>-- <br>Отправлено из Mail для Android</div>"
        "<div>понедельник, 30 ноября 2026г., 10:00 +03:00 от Поддержка help@shop.example:</div>"
        '<blockquote id="mail-app-auto-quote"><div>Где мой заказ № 15?</div></blockquote>'
    )
    reply = Thread(
        9, "message", "published", body, 1000.0, source="email", author_type="user", customer_id=7
    )
    asked = Thread(
        1, "customer", "published", "<div>Где мой заказ № 15?</div>", 900.0, customer_id=7
    )
    own = own_words(reply, [asked])
    assert own.doubt is None
    assert "--" not in own.body

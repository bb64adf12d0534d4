"""Recognise lines by which mail programs begin a quote: who wrote when, a header, a separator.

Sources: contract freescout.md 12 and mails of the programs in the languages used at a Russian desk.
A line in an unknown language is recognised by a time, an address, a colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PERSON = re.compile(r"[<(\[](?:mailto:)?[\w.+-]+@[\w-]+(?:\.[\w-]+)+[>)\]]")
_TIME = re.compile(r"(?<![\d.])\d{1,2}[:.]\d{2}\b(?!\.\d)|\b\d{1,2}h\d{2}\b")
"""Not the beginning or the end of a date with dots."""
_DATE = re.compile(
    r"\b(?:19|20)\d{2}\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{1,2}\.? \w{3,12}\.?\b(?=.*\b\d{1,2}[:.]\d{2}\b)"
)
_WRITES = re.compile(
    r"(?:\b(?:wrote|writes|schrieb|schreibt|a écrit|escribió|escribio|ha scritto|scrive|escreveu|"
    r"schreef|napisał|napisała|pisze|skrev|kirjoitti|napsal|napsala|napísal|írta|yazdı|"
    r"пишет|писал|писала|писали|пишете|написал|написала|пише|писав|написав|написала|жазды|жазған)\b|"
    r"写道|寫道|さんは|작성|كتب|כתב|^(?:цитирую|quoting|zitat von|citando|citat från)\b)"
)
_ENDS = (":", "：")
_LONGEST = 400
"""Letters of who wrote when; anything longer is a paragraph."""
_STARTS = re.compile(
    r"(?:on|am|в|у|на|dana|dnia|på|le|el|il|em|op|w dniu|dne|den|вы писали|пн|вт|ср|чт|пт|сб|вс|понедельник|вторник|среда|"
    r"четверг|пятница|суббота|воскресенье|пнд|втр|срд|чтв|птн|сбт|вск|вчера|сегодня|yesterday|today|mon|tue|wed|thu|fri|sat|sun)\b|\W{0,2}\d",
    re.IGNORECASE,
)

_TITLES = (
    "original message", "original appointment", "forwarded message", "reply message",
    "begin forwarded message", "исходное сообщение", "исходное письмо", "оригинальное сообщение",
    "пересылаемое сообщение", "пересылаемое письмо", "пересланное сообщение", "пересланное письмо",
    "перенаправленное сообщение", "начало переадресованного сообщения", "начало пересылаемого сообщения",
    "начало пересылаемого письма", "вихідне повідомлення", "оригінальне повідомлення",
    "переслане повідомлення", "бастапқы хабарлама", "түпнұсқа хабарлама",
    "ursprüngliche nachricht", "originalnachricht", "weitergeleitete nachricht",
    "message d'origine", "message original", "message transféré", "mensaje original",
    "mensaje reenviado", "mensagem original", "mensagem encaminhada", "messaggio originale",
    "messaggio inoltrato", "oorspronkelijk bericht", "doorgestuurd bericht", "wiadomość oryginalna",
    "oryginalna wiadomość", "wiadomość przekazana", "původní zpráva", "původní e-mail", "pôvodná správa",
    "eredeti üzenet", "ursprungligt meddelande", "originalmeddelande", "original besked",
    "oprindelig meddelelse", "opprinnelig melding", "alkuperäinen viesti", "orijinal ileti",
    "özgün ileti", "αρχικό μήνυμα", "原始邮件", "原始郵件", "元のメッセージ", "원본 메시지",
)  # fmt: skip
_DASHES = r"[-_=*~–—‐‑―─>\s]"
_ANY_OF_TITLES = "|".join(map(re.escape, _TITLES))
_TITLE = re.compile(
    rf"{_DASHES}*(?:{_ANY_OF_TITLES})(?:{_DASHES}*|\s?[:：])|{_DASHES}{{3,}}(?:{_ANY_OF_TITLES}){_DASHES}{{3,}}.*",
    re.IGNORECASE,
)
"""Alone on its line, or with the header behind it on the same one (Samsung's)."""
_RULED = re.compile(r"-{3,}[^-].*-{3,}")
"""Words between dashes: so Notes says who wrote what follows."""
_ANY_TITLE = re.compile(r"[-_=–—‐―─]{4,} ?[^\W\d_][^-_=–—‐―─]{3,60} ?[-_=–—‐―─]{4,}")
_RULE = re.compile(r"[-_=*~–—‐―─]{10,}")
_SHORT_RULE = re.compile(r"[-_=*~–—‐―─ ]{3,}")

_BRACKETED = re.compile(r"<(?:mailto:)?[\w.+-]+@[\w.-]+>|\[mailto:")
"""An address as mail programs put it behind a name; people do not type it so."""
_ZONED = re.compile(
    r"\d:\d{2}(?::\d{2})? ?(?:\(?GMT\b|UTC\b|[+-]\d{4}\b)|\d:\d{2}:\d{2} (?:MSK|МСК)\b"
)
_SAYS_QUOTE = re.compile(
    r"\W*(?:цитирую|quoting|quote|ответ на (?:письмо|сообщение|тикет)|in reply to|message history|history of|"
    r"(?:история|лента|архив) (?:переписки|сообщений|обращения|тикета)|переписка|предыдущ\w+ (?:переписка|сообщени\w+|письм\w+)|"
    r"previous (?:message|correspondence))\b.*[:：]",
    re.IGNORECASE,
)
_ABOUT_MAIL = re.compile(
    r"ответ|сообщени|письм|переписк|истори|цитат|повідомл|лист|origin|message|reply|quot|mail|forward|пересл|nachricht|"
    r"mensa|messag|wiadomo",
    re.IGNORECASE,
)
_TITLED = re.compile(r"(?<![-_=*~–—+#<>])[-_=*~–—+#<>]{3,}+\s*\w[^-_=*~]{2,60}[-_=*~–—+#<>]{3}")
_MOMENT = re.compile(
    r"\b\d{1,2}[:.]\d{2}(?:[:.]\d{2})?\b|\b\d{1,4}[./-]\d{1,2}(?:[./-]\d{2,4})?\b|\b\d{1,2}\.? \w{3,12}\b|\b(?:19|20)\d{2}\b"
)
_SPEAKS = re.compile(
    r"(?:пишет|писала?|написала?|добавила?|ответила?|wrote|writes|added|said)(?:\([ал]а?\)|/ла)?\s*[:：]"
)
_BESIDE_MOMENT = frozenset(
    "письме пользователь пользователя года понедельник вторник среда среду четверг пятница пятницу суббота субботу воскресенье "
    "января февраля марта апреля июня июля августа сентября октября ноября декабря".split()
)
_DASHED_MOMENT = re.compile(
    r"(?<!-)-{3,}+(?:[^-]|-(?!--)){0,80}?\d:\d{2}(?:[^-]|-(?!--)){0,80}?---"
)
_TICKET_MARK = re.compile(r"\[#\d+\]")
"""What FreeScout puts before the subject of its mails."""

_PLEASE_REPLY_ABOVE = re.compile(
    r"please reply above this line|пишите ваш ответ выше этой строки|відповідайте вище цього рядка|"
    r"осы жолдың үстіне жазыңыз|über dieser linie antworten|au-dessus de cette ligne|"
    r"responda sobre esta línea|sopra questa riga|acima desta linha|por baixo desta linha|"
    r"boven deze lijn|powyżej tej linii|nad tímto řádkem|nad tento riadok|bu satırın üstünden|"
    r"ovanför denna rad|over denne linjen|tämän rivin yläpuolelle|e vonal felett|deasupra acestei linii|"
    r"iznad ove linije|nad to vrstico|per sobre d'aquesta línia|在此行上方回|この行の上に返信|"
    r"이 줄 위에 답변|فوق هذا الخط|بالای این خط|מעל קו זה",
    re.IGNORECASE,
)
"""The line of FreeScout's that says where to answer, by what stays when an administrator adds to it."""
_NOTIFICATION = re.compile(
    r"\{#FS:[\w+/=-]*"
    r"|replying to this notification will email|received a new conversation"
    r"|added a note(?: to conversation)?\b|добавила?(?:\(а\))? (?:внутреннее )?примечание"
    r"|получен новый тикет|настройки уведомлений|notification settings$"
    r"|(?:ответила?|начала?)\(а\)|ответила? на тикет|добавила?(?:\(а\))? заметку"
    r"|replied to (?:a )?conversation|started (?:a|the) (?:new )?conversation"
    r"|^## \S",
    re.IGNORECASE,
)
"""What only a notification of FreeScout's says (its two forms, in English and Russian)."""

_LABELS = {
    "from": "from|от|от кого|отправитель|sender|von|de|da|van|od|від|від кого|кімнен|kimden|gönderen|från|fra|lähettäjä|feladó|"
    "expéditeur|remitente|mittente|absender|afzender|nadawca|发件人|寄件者|差出人|보낸 사람|من|מאת",
    "sent": "sent|date|sent at|отправлено|отправлен|дата|дата отправки|когда|gesendet|datum|envoyé|fecha|enviado|enviado el|"
    "enviada em|enviado em|data|inviato|verzonden|wysłano|wysłane|надіслано|gönderildi|gönderilme tarihi|tarih|"
    "skickat|sendt|lähetetty|päivämäärä|elküldve|odesláno|dátum|жіберілді|күні|发送时间|日期|送信日時|날짜",
    "to": "to|кому|получатель|получатели|recipient|recipients|an|à|para|a|aan|do|komu|kime|till|til|vastaanottaja|címzett|pro|destinataire|"
    "destinatario|empfänger|кімге|收件人|宛先|받는 사람|إلى",
    "copy": "cc|копия|копія|kopie|copie|copia|cópia|dw|bilgi|kopia|kopi|kopio|másolatot kap|көшірме|抄送",
    "subject": "subject|тема|betreff|objet|asunto|assunto|oggetto|onderwerp|temat|předmět|predmet|konu|"
    "ämne|emne|aihe|tárgy|тақырып|тақырыбы|主题|主旨|件名|제목|الموضوع",
}
_LABEL = re.compile(
    r"[>|*\s]*(?:"
    + "|".join(f"(?P<{kind}>{words})" for kind, words in _LABELS.items())
    + r")\*?\s?[:：]",
    re.IGNORECASE,
)
_WAYBILL = re.compile(
    r"[>|*\s]*(?:отправитель|получател[ьи]|дата|когда|sender|recipients?|date)\*?\s?[:：]",
    re.IGNORECASE,
)
"""Labels that stand on waybills as well; a mail's header has an address or a moment beside them."""
_INLINE_LABEL = re.compile(
    r"(?<![\w])(?:"
    + "|".join(f"(?P<{kind}>{words})" for kind, words in _LABELS.items())
    + r")\*?\s?[:：](?=\s)",
    re.IGNORECASE,
)
_WHOLE_HEADER = 3
_PIECE, _OVERLAP = 600, 150
"""Letters of a line that are looked at together."""
HEADER_LINES = 8
"""Lines in which all of a header stands: a program may put each value on a line of its own."""
_ANY_LABEL = re.compile(r"[>|*\s]*[^\W\d_][\w .-]{0,24}[:：]")

_BELOW = re.compile(
    r"\b(?:(?:см|смотри(?:те)?|отве(?:т|ты|тил|тила|чаю|чал|чала))\.? (?:\w+ )?(?:ниже|внизу|в тексте)|"
    r"ниже (?:по тексту|красным|синим|в тексте|в письме)|между строк|inline|see below|answers? below|"
    r"(?:my )?comments below|in (?:red|blue) below)\b",
    re.IGNORECASE,
)


class Attribution(StrEnum):
    """How certainly a line names the writer of the following quote."""

    SURE = "sure"
    VERB = "verb"
    """It says "… wrote", or begins with a date and a time. It counts if a quote or nothing follows."""
    TIME = "time"
    """It begins like a date. It counts if a quote follows."""


def is_separator(line: str) -> bool:
    """Whether a mail program separates a quote with this line."""
    if _RULED.fullmatch(line) and _WRITES.search(line.lower()):
        return True
    return bool(_TITLE.fullmatch(line)) and not line[:1].isalpha()


def may_be_separator(line: str) -> bool:
    """Whether it is a title between dashes, in any language; people write such lines as well."""
    return bool(_ANY_TITLE.fullmatch(line) or _TITLE.fullmatch(line))


def asks_to_answer_above(line: str) -> bool:
    """Whether it is FreeScout's line at the beginning of its notification."""
    return bool(_PLEASE_REPLY_ABOVE.search(line))


def is_notification(line: str) -> bool:
    """Whether only the content of a notification says this."""
    return bool(_NOTIFICATION.search(line))


def is_rule(line: str, *, short: bool = False) -> bool:
    """Whether it is a rule drawn with characters.

    Args:
        line: Its words.
        short: Accept three characters: for a line right above a quote.
    """
    return bool((_SHORT_RULE if short else _RULE).fullmatch(line))


def attribution(lines: Sequence[str]) -> Attribution | None:
    """Return whether these lines together name the quote's writer and time, and how certainly; None if not."""
    text = _bare(" ".join(lines))
    if len(text) > _LONGEST or not text.endswith(_ENDS):
        return None
    if len(lines) > 1 and not (_STARTS.match(text) and _may_go_on(_bare(lines[0]))):
        return None
    writes, addressed = bool(_WRITES.search(text.lower())), bool(_ADDRESS.search(text))
    has_date, has_time = bool(_DATE.search(text)), bool(_TIME.search(text))
    if sum((has_date and has_time, writes, addressed and (has_date or has_time))) > 1:
        return Attribution.SURE
    if writes or (has_date and has_time and _STARTS.match(text)):
        return Attribution.VERB
    return Attribution.TIME if (has_time or has_date) and _STARTS.match(text) else None


def is_header(lines: Sequence[str]) -> bool | None:
    """Whether these lines begin with a mail header.

    Returns:
        None if unclear.
    """
    first = _LABEL.match(lines[0]) if lines else None
    if first is None:
        return None if _looks_like_header(lines) else False
    head = list(_head(lines))
    kinds = {found.lastgroup for line in head if (found := _LABEL.match(line))}
    if len(kinds) < 2:
        return False
    has_person = any(map(_PERSON.search, head))
    has_address = has_person or any(map(_ADDRESS.search, head))
    has_moment = any(_DATE.search(line) and _TIME.search(line) for line in head)
    if "from" not in kinds:
        # Yandex puts the attribution behind it.
        goes_on = any(attribution([line]) is Attribution.SURE for line in lines[len(head) :])
        return (goes_on or None) if has_person else False
    named = next(at for at, line in enumerate(head) if _is_label(line, "from"))
    sender = " ".join(head[named : named + 2])
    if _PERSON.search(sender) or (_ADDRESS.search(sender) and (has_moment or "subject" in kinds)):
        return True
    if has_moment and "subject" in kinds and len(kinds) >= _WHOLE_HEADER:
        return True
    is_waybill = all(map(_WAYBILL.match, head)) and not (has_address or has_moment)
    return False if is_waybill else None


def _is_label(line: str, kind: str) -> bool:
    found = _LABEL.match(line)
    return found is not None and found.lastgroup == kind


def is_of_header(line: str) -> bool:
    """Whether a line may belong to a quote's header: a label or its value, a time, a title."""
    return bool(
        _LABEL.match(line)
        or _ADDRESS.search(line)
        or _MOMENT.search(line)
        or may_be_separator(line)
    )


def _head(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines before the first one that is no label, no value of one, and no further recipient."""
    kind, waits = "", False
    for line in lines[:HEADER_LINES]:
        if label := _LABEL.match(line):
            kind, waits = label.lastgroup or "", label.end() == len(line)
        elif waits:
            waits = False
        elif kind not in ("to", "copy") or not _ADDRESS.search(line) or line.endswith(_ENDS):
            return
        yield line


def is_dated(line: str) -> bool:
    """Whether a line contains a date or a time."""
    return _dated(line)


def names_person(line: str) -> bool:
    """Whether a line contains an e-mail address."""
    return bool(_ADDRESS.search(line))


def betrays_quote(line: str, people: AbstractSet[str], address: str = "") -> bool:
    """Whether a line looks like part of an unmarked quote.

    Words that an agent typed may look the same; then the agent is asked to answer on the page.

    Args:
        line: Its words.
        people: Folded words of names that may stand before a quote.
        address: The agent's own address, which may be in their signature.
    """
    if address:
        line = re.sub(rf"[<\[](?:mailto:)?{re.escape(address)}[>\]]", "", line, flags=re.IGNORECASE)
    # A long one is read in pieces that overlap, as time grows with the square of some patterns.
    return any(
        _betrays_quote(line[at : at + _PIECE], people)
        for at in range(0, max(1, len(line) - _OVERLAP), _PIECE - _OVERLAP)
    )


def _betrays_quote(line: str, people: AbstractSet[str]) -> bool:
    if _BRACKETED.search(line) or _ZONED.search(line) or _TICKET_MARK.search(line):
        return True
    if _SAYS_QUOTE.match(line) or _DASHED_MOMENT.search(line):
        return True
    if _TITLE.fullmatch(line) or (_TITLED.search(line) and _ABOUT_MAIL.search(line)):
        return True
    if len({found.lastgroup for found in _INLINE_LABEL.finditer(line)}) >= _WHOLE_HEADER:
        return True
    has_day, has_time = bool(_DATE.search(line)), bool(_TIME.search(line))
    if has_day and has_time and line.endswith(_ENDS) and _STARTS.match(line):
        return True
    words = [each.casefold().replace("ё", "е") for each in re.findall(r"\w+", line)]
    named = [each in people for each in words]
    if _SPEAKS.search(line.lower()) and (has_day or has_time or any(named)):
        return True
    return any(named) and _heads_a_thread(line, words, people)


def _heads_a_thread(line: str, words: Sequence[str], people: AbstractSet[str]) -> bool:
    """Whether it is a person's name before their words, or beside a time."""
    head, colon, said = line.partition(":")
    before = re.findall(r"\w+", head.casefold().replace("ё", "е"))
    if colon and before and all(each in people for each in before):
        # A number behind a name is how to reach somebody.
        return not said or bool(re.search(r"[^\W\d_]", said))
    if line.endswith(("?", "!")):
        return False
    rest = re.findall(r"[^\W\d_]{2,}", _MOMENT.sub(" ", line).casefold().replace("ё", "е"))
    others = [each for each in rest if each not in people]
    return bool(_MOMENT.search(line)) and len(others) <= 1 and len(words) > len(others)


def points_below(line: str) -> bool:
    """Whether an agent says that there are answers inside the quote."""
    return bool(_BELOW.search(line))


def _looks_like_header(lines: Sequence[str]) -> bool:
    """Whether there are labels of an unknown language in sequence, with a person's address and a time."""
    head = lines[:4]
    return (
        len(head) > 2
        and all(map(_ANY_LABEL.match, head[:3]))
        and any(map(_PERSON.search, head))
        and any(_DATE.search(line) and _TIME.search(line) for line in head)
    )


def _may_go_on(line: str) -> bool:
    """Whether a line is a time, perhaps with a name, and nothing that an agent would write."""
    if not (_DATE.search(line) and _TIME.search(line)):
        return False
    words = re.findall(r"[^\W\d_]{4,}", _MOMENT.sub(" ", line))
    return all(not each.islower() or each in _BESIDE_MOMENT for each in words)


def _dated(text: str) -> bool:
    return bool(_DATE.search(text) or _TIME.search(text))


def _bare(line: str) -> str:
    """Remove quote signs and plain-text bold signs around a line."""
    return line.lstrip("> *").rstrip("* ")

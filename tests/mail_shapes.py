"""What mail programs make of an agent's answer to a notification of FreeScout's: bodies as the desk stores them.

Written after the programs' own output (contract freescout.md 12): the frame around the quote is theirs,
the notification inside is put together here from the parts that FreeScout's has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

SUPPORT = "Поддержка &lt;help@shop.example&gt;"
LINKED = 'Поддержка &lt;<a href="mailto:help@shop.example">help@shop.example</a>&gt;'
ANNA = "Анна &lt;anna.private@mail.example&gt;"

Shape = Callable[[str, str], str]


def notification(
    threads: Sequence[tuple[str, str]], *, prefix: str = "", marked: bool = True
) -> str:
    """FreeScout's notification in HTML.

    Args:
        threads: Who did what, and the HTML of it, newest first.
        prefix: What a program puts before ids and classes.
        marked: FreeScout's marks are there still.
    """
    name = f"{prefix}fsNotifReplyAbove"
    mark = f'id="{name}" class="{name}" data-fs="fsNotifReplyAbove"' if marked else ""
    above = "-- Пожалуйста, пишите ваш ответ выше этой строки --" if marked else ""
    rows = "".join(
        f"<tr><td><h3><strong>{escape(who)}</strong></h3><div>30 нояб., 10:00</div>"
        f"<div>{html}</div></td></tr>"
        for who, html in threads
    )
    return (
        f"<div><table {mark} width=100%><tr><td><p>{above}</p><p>[Магазин]</p>"
        f"<table><tr><td><h3>Где мой заказ?</h3></td></tr>{rows}</table></td></tr></table></div>"
    )


def cut_by_freescout(body: str) -> str:
    """What FreeScout keeps when it finds its mark: everything before the mark's name."""
    return body.split("fsNotifReplyAbove", 1)[0]


def outlook_web(own: str, quote: str, x: str = "") -> str:
    return (
        f'<div class="{x}elementToProof">{own}</div><div id="{x}appendonsend"></div>'
        '<hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="{x}divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif"><b>От:</b> {SUPPORT}<br>'
        f"<b>Отправлено:</b> 30 ноября 2026 г. 10:00<br><b>Кому:</b> {ANNA}<br><b>Тема:</b> Re: заказ"
        f"</font><div>&nbsp;</div></div><div>{quote}</div>"
    )


def outlook_header_only(own: str, quote: str, x: str = "x_") -> str:
    return (
        f'<div>{own}</div><hr><div id="{x}divRplyFwdMsg"><b>От:</b> {SUPPORT}<br><b>Кому:</b> {ANNA}</div>'
        f"<div>{quote}</div>"
    )


def outlook_mobile(own: str, quote: str) -> str:
    return (
        f'<div dir="ltr">{own}</div><div id="ms-outlook-mobile-signature"><div>Получить Outlook для iOS</div>'
        '</div><div id="mail-editor-reference-message-container"><div>'
        f"<b>From:</b> {SUPPORT}<br><b>Date:</b> Monday, 30 November 2026 10:00<br><b>To:</b> {ANNA}<br>"
        f"</div>{quote}</div>"
    )


def outlook_desktop(own: str, quote: str, colour: str = "#E1E1E1", unit: str = "cm") -> str:
    return (
        f'<div class="WordSection1"><p class="MsoNormal">{own}<o:p></o:p></p>'
        '<p class="MsoNormal"><o:p>&nbsp;</o:p></p>'
        f'<div><div style="border:none;border-top:solid {colour} 1.0pt;padding:3.0pt 0{unit} 0{unit} 0{unit}">'
        f'<p class="MsoNormal"><b><span lang="EN-US">From:</span></b> {SUPPORT} <br>'
        f"<b>Sent:</b> Monday, November 30, 2026 10:00 AM<br><b>To:</b> {ANNA}<br><b>Subject:</b> Re: заказ"
        f"</p></div></div>{quote}</div>"
    )


def outlook_rewritten(own: str, quote: str) -> str:
    """Desktop Outlook after a web mail wrote its styles anew: only the words of the header are left."""
    return (
        f'<div><p style="margin:0">{own}</p><p>&nbsp;</p><div><p><b>Von:</b> {SUPPORT}<br>'
        f"<b>Gesendet:</b> Montag, 30. November 2026 10:00<br><b>An:</b> {ANNA}<br><b>Betreff:</b> AW: Frage"
        f"</p></div>{quote}</div>"
    )


def outlook_cells(own: str, quote: str) -> str:
    """A header in a table: each label and each value makes a line."""
    cells = "".join(
        f"<tr><td><b>{label}</b></td><td>{value}</td></tr>"
        for label, value in (
            ("De :", SUPPORT),
            ("Envoyé :", "lundi 30 novembre 2026 10:00"),
            ("À :", ANNA),
        )
    )
    return f"<div>{own}</div><hr><table>{cells}</table><div>{quote}</div>"


def gmail(own: str, quote: str, x: str = "") -> str:
    return (
        f'<div dir="ltr">{own}</div><br><div class="{x}gmail_quote {x}gmail_quote_container">'
        f'<div dir="ltr" class="{x}gmail_attr">On Mon, Nov 30, 2026 at 10:00 AM {LINKED} wrote:<br></div>'
        f'<blockquote class="{x}gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid;">'
        f"<u></u>{quote}</blockquote></div>"
    )


def gmail_without_classes(own: str, quote: str) -> str:
    return (
        f"<div>{own}</div><br><div><div>пн, 30 нояб. 2026 г. в 10:00, {LINKED} пишет:<br></div>"
        f"<blockquote>{quote}</blockquote></div>"
    )


def gmail_russian(own: str, quote: str) -> str:
    return f"<div>{own}</div><div>пн, 30 нояб. 2026 г. в 10:00, {LINKED}:</div><blockquote>{quote}</blockquote>"


def gmail_signature_below(own: str, quote: str) -> str:
    below = (
        '<br clear="all"><div><br></div><span>-- </span><br><div class="gmail_signature">'
        "<div>Иван Петров</div><div>ООО «Ромашка»</div></div>"
    )
    return gmail(own, quote) + below


def thunderbird(own: str, quote: str) -> str:
    return (
        f'<p>{own}</p><p><br></p><div class="moz-cite-prefix">30.11.2026 10:00, Поддержка пишет:<br></div>'
        f'<blockquote type="cite" cite="mid:FS_notify-1-2@shop.example">{quote}</blockquote>'
        '<pre class="moz-signature" cols="72">-- \nИван Петров</pre>'
    )


def apple_mail(own: str, quote: str) -> str:
    return (
        f'{own}<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite">'
        f"<div>On 30 Nov 2026, at 10:00, {SUPPORT} wrote:</div><br><div>{quote}</div></blockquote></div><br>"
    )


def apple_iphone(own: str, quote: str) -> str:
    return (
        f'{own}<br><br><div dir="ltr">Отправлено с iPhone</div><div dir="ltr"><br><blockquote type="cite">'
        f"30 нояб. 2026 г., в 10:00, {SUPPORT} написал(а):<br><br></blockquote></div>"
        f'<blockquote type="cite"><div dir="ltr">{quote}</div></blockquote>'
    )


def apple_plain(own: str, quote: str) -> str:
    return f"<div>{own}</div><div>On 30 Nov 2026, at 10:00, Support wrote:</div><br><blockquote>{quote}</blockquote>"


def yandex(own: str, quote: str) -> str:
    return (
        f'<div>{own}</div><div> </div><div>30.11.2026, 10:00, "Поддержка" &lt;help@shop.example&gt;:</div>'
        f"<blockquote>{quote}</blockquote>"
    )


def yandex_with_lines(own: str, quote: str) -> str:
    return (
        f"<div>{own}</div><div>----------------</div><div>Кому: Анна (anna.private@mail.example);</div>"
        f'<div>Тема: заказ;</div><div>30.11.2026, 10:00, "Поддержка" &lt;help@shop.example&gt;:</div>'
        f"<blockquote>{quote}</blockquote>"
    )


def mail_ru(own: str, quote: str) -> str:
    return (
        f'<div>{own}</div><div>&nbsp;</div><div data-signature-widget="container"><div>Иван Петров</div></div>'
        '<blockquote style="border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;">'
        f"Понедельник, 30 ноября 2026, 10:00 +03:00 от {SUPPORT}:<br>&nbsp;<div>{quote}</div></blockquote>"
    )


def mail_ru_without_address(own: str, quote: str) -> str:
    return f"<p>{own}</p><p>Понедельник, 30 ноября 2026, 10:00 +03:00 от Поддержка:</p><blockquote>{quote}</blockquote>"


def mail_ru_collapsed(own: str, quote: str) -> str:
    return f'<div>{own}</div><div class="mail-quote-collapse"><div>{quote}</div></div>'


def original_message(own: str, quote: str, title: str = "-----Original Message-----") -> str:
    return f"<div>{own}</div><div>{title}</div><div>Поддержка, 30 ноября</div><div>{quote}</div>"


def forwarded(own: str, quote: str) -> str:
    return (
        f"<div>{own}</div><br><div>-------- Пересылаемое сообщение --------</div>"
        f"<div>30.11.2026, 10:00, {SUPPORT}:</div><br><div>{quote}</div>"
    )


def proton(own: str, quote: str) -> str:
    return (
        f'<div>{own}</div><div class="protonmail_quote">On Monday, November 30th, 2026 at 10:00, Support '
        f'&lt;help@shop.example&gt; wrote:<br><blockquote class="protonmail_quote" type="cite">{quote}'
        "</blockquote><br></div>"
    )


def yahoo(own: str, quote: str) -> str:
    return (
        f'<div class="ydp6h4f5c59yahoo-style-wrap">{own}</div><div id="ydp6h4f5c59yahoo_quoted_2937" '
        f'class="ydp6h4f5c59yahoo_quoted"><div>On Monday, 30 November Support wrote:</div><div>{quote}</div></div>'
    )


def zimbra(own: str, quote: str) -> str:
    return (
        f'<div>{own}</div><hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">'
        f"<blockquote><b>From: </b>{SUPPORT}<br><b>Sent: </b>Monday, 30 November 2026 10:00</blockquote></div>"
        f"<blockquote>{quote}</blockquote>"
    )


def roundcube(own: str, quote: str) -> str:
    return (
        f'<p>{own}</p><p id="reply-intro">On 2026-11-30 10:00, Support wrote:</p>'
        f'<blockquote type="cite" style="padding: 0 0.4em; border-left: #1010ff 2px solid">{quote}</blockquote>'
    )


def samsung(own: str, quote: str) -> str:
    return (
        f'<div dir="auto">{own}</div><div dir="auto"><br></div><div>-------- Исходное сообщение --------'
        f"От: {SUPPORT} Дата: 30.11.2026  10:00  (GMT+03:00) Кому: {ANNA} Тема: Re: заказ </div>{quote}"
    )


def notes(own: str, quote: str) -> str:
    return (
        f'<font face="sans-serif">{own}</font><br><br><font color="#990099">-----{SUPPORT} написал(а): -----'
        f"</font><div>{quote}</div>"
    )


def kmail(own: str, quote: str) -> str:
    return (
        f"<p>{own}</p><p>В письме от понедельник, 30 ноября 2026 г. 10:00:00 MSK пользователь Поддержка написал:"
        f"</p><blockquote>{quote}</blockquote>"
    )


def headed_by_people(own: str, quote: str) -> str:
    return (
        f"<div>{own}</div><div>Отправитель: {SUPPORT}</div><div>Получатель: {ANNA}</div><div>Тема: заказ</div>"
        f"<div>{quote}</div>"
    )


HTML_SHAPES: dict[str, Shape] = {
    "outlook_web": outlook_web,
    "outlook_web_x": lambda own, quote: outlook_web(own, quote, "x_"),
    "outlook_web_xx": lambda own, quote: outlook_web(own, quote, "x_x_x_"),
    "outlook_header_only": outlook_header_only,
    "outlook_mobile": outlook_mobile,
    "outlook_desktop": outlook_desktop,
    "outlook_2007": lambda own, quote: outlook_desktop(own, quote, "#B5C4DF", "in"),
    "outlook_rewritten": outlook_rewritten,
    "outlook_cells": outlook_cells,
    "gmail": gmail,
    "gmail_prefixed": lambda own, quote: gmail(own, quote, "m_-748213fs"),
    "gmail_without_classes": gmail_without_classes,
    "gmail_russian": gmail_russian,
    "gmail_signature_below": gmail_signature_below,
    "thunderbird": thunderbird,
    "apple_mail": apple_mail,
    "apple_iphone": apple_iphone,
    "apple_plain": apple_plain,
    "yandex": yandex,
    "yandex_with_lines": yandex_with_lines,
    "mail_ru": mail_ru,
    "mail_ru_without_address": mail_ru_without_address,
    "mail_ru_collapsed": mail_ru_collapsed,
    "original_message": original_message,
    "original_message_ru": lambda own, quote: original_message(
        own, quote, "-------- Исходное сообщение --------"
    ),
    "forwarded": forwarded,
    "proton": proton,
    "yahoo": yahoo,
    "zimbra": zimbra,
    "roundcube": roundcube,
    "samsung": samsung,
    "notes": notes,
    "kmail": kmail,
    "headed_by_people": headed_by_people,
}
"""By name, a program's frame: the agent's words and the quoted notification in HTML, to a body."""


def as_plain(lines: Sequence[str]) -> str:
    """A mail without HTML, as FreeScout stores it."""
    return "<br />\n".join(escape(line, quote=False) for line in lines)


def _quoted(lines: Sequence[str]) -> list[str]:
    return [f"> {line}" for line in lines]


PLAIN_SHAPES: dict[str, Callable[[Sequence[str], Sequence[str]], list[str]]] = {
    "plain_quote_signs": lambda own, quote: [*own, "", *_quoted(quote)],
    "plain_gmail": lambda own, quote: [
        *own, "", "On Mon, Nov 30, 2026 at 10:00 AM Support", "<help@shop.example> wrote:", "", *_quoted(quote),
    ],
    "plain_gmail_russian": lambda own, quote: [
        *own, "", "пн, 30 нояб. 2026 г. в 10:00, Поддержка <help@shop.example> пишет:", *_quoted(quote),
    ],
    "plain_outlook": lambda own, quote: [
        *own, "", "-----Original Message-----", "From: Support <help@shop.example>",
        "Sent: Monday, November 30, 2026 10:00 AM", "To: Anna", "Subject: Re: order", "", *quote,
    ],
    "plain_outlook_ruled": lambda own, quote: [
        *own, "", "_" * 32, "От: Поддержка <help@shop.example>", "Отправлено: 30 ноября 2026 г. 10:00",
        "Кому: Анна", "Тема: заказ", *quote,
    ],
    "plain_thunderbird": lambda own, quote: [*own, "", "30.11.2026 10:00, Поддержка пишет:", *_quoted(quote)],
    "plain_the_bat": lambda own, quote: [*own, "", "Вы писали 30 ноября 2026 г., 10:00:", "", *_quoted(quote)],
    "plain_freescout": lambda own, quote: [*own, "-- Please reply above this line --", "", *quote],
}  # fmt: skip
"""By name, a frame without HTML: the agent's lines and the notification's, to lines."""

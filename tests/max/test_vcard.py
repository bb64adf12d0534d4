"""max.vcard: names and numbers of contact cards, however broken they are, in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, wire_texts
from maxbridge.max.vcard import Card, read_card
from recorded import max_body


def card(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in ("BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD"))


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("attachment.contact", Card("Марина Тестова", ("79990000017",))),
        ("attachment.contact_forwarded", Card("Олег", ("79990000099",))),
    ],
)
def test_recorded_cards(name: str, read: Card) -> None:
    assert read_card(max_body(name)["payload"]["vcf_info"]) == read


@pytest.mark.parametrize(
    ("vcf", "read"),
    [
        ("", Card()),
        ("Олег 79991234567", Card()),
        (card("FN:Олег Ким", "TEL:+7 999 123-45-67"), Card("Олег Ким", ("+7 999 123-45-67",))),
        # Several numbers, each once, in their order; groups, parameters and cases of all kinds.
        (
            card("TEL;TYPE=cell:1234567", "item1.TEL;type=WORK;VALUE=uri:tel:+1-202-555-0100", "tel:1234567", 'Tel;X="a:b;c":112'),
            Card("", ("1234567", "+1-202-555-0100", "112")),
        ),
        (card("TEL;HOME;PREF:222-33-44", "TEL:", "TEL", "TELEX:5"), Card("", ("222-33-44",))),
        # A name of parts where there is no whole one.
        (card("N:Ким;Олег;Иванович;;"), Card("Олег Ким")),
        (card("N:Ким"), Card("Ким")),
        (card("N:А\\;Б;В\\,Г", "FN:"), Card("В,Г А;Б")),
        (card("N:Ким;Олег", "FN:Олежка"), Card("Олежка")),
        (card("FN:Олег\\nКим \\\\ сын"), Card("Олег Ким \\ сын")),
        # Folded lines, by a space or a tab, in the middle of a number too.
        (card("FN:Олег", " Ким", "TEL:+7999", "\t1234567"), Card("ОлегКим", ("+79991234567",))),
        ("BEGIN:VCARD\nTEL:+7\n 999\n 123\nEND:VCARD", Card("", ("+7999123",))),
        # Quoted-printable of old phones, with soft line ends.
        (card("N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=9A=D0=B8=D0=BC;=D0=9E=D0=BB=", "=D0=B5=D0=B3"), Card("Олег Ким")),
        (card("FN;ENCODING=QUOTED-PRINTABLE;CHARSET=windows-1251:=CE=EB=E5=E3"), Card("Олег")),
        (card("FN;QUOTED-PRINTABLE;CHARSET=punycode:=D0=9E=ZZ"), Card("О=ZZ")),
        (card("FN;ENCODING=QUOTED-PRINTABLE:=FF=00x"), Card("\ufffdx")),
        # No end, no beginning, one in another, one after another.
        ("BEGIN:VCARD\nFN:Олег\nTEL:112", Card("Олег", ("112",))),
        ("FN:Олег\r\nTEL:112\r\n", Card("Олег", ("112",))),
        ("BEGIN:VCARD\nFN:А\nBEGIN:VCARD\nFN:Б\nTEL:112\nEND:VCARD\nTEL:113\nEND:VCARD", Card("А", ("112", "113"))),
        (card("FN:А", "TEL:112") + card("FN:Б", "TEL:113"), Card("А", ("112", "113"))),
        # A photo before the number.
        (card("PHOTO;ENCODING=b:" + "A" * 3000, " " + "B" * 3000, "TEL:112"), Card("", ("112",))),
        (card("FN:" + "я" * 5000), Card("я" * 200)),
        (card(*[f"TEL:100{n}" for n in range(50)]), Card("", tuple(f"100{n}" for n in range(10)))),
        ('TEL;TYPE="без конца:112', Card("", ("112",))),
        (" TEL:112", Card("", ("112",))),
        ("FN:\ud83d\nTEL:\x00112", Card("\ufffd", ("112",))),
    ],
)  # fmt: skip
def test_cards_written_out(vcf: str, read: Card) -> None:
    assert read_card(vcf) == read


PIECES = [
    "BEGIN:VCARD", "END:VCARD", "FN", "N", "TEL", ";", ":", "=", "=\n", "\n", "\r\n", " ", "\t", '"', "\\", "\\n",
    "ENCODING=QUOTED-PRINTABLE", "CHARSET=", "CHARSET=hex", "windows-1251", "=D0", "79991234567", "tel:", ".",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | wire_texts, max_size=30).map("".join))
@law
def test_anything_is_read_without_an_error(vcf: str) -> None:
    read = read_card(vcf)
    assert len(read.name) <= 200
    assert len(read.phones) <= 10
    assert all(phone and len(phone) <= 200 and "\n" not in phone for phone in read.phones)
    (read.name + "".join(read.phones)).encode()


@pytest.mark.parametrize(
    "rubbish",
    ["x", "\n", ":", '"', "TEL:1\n", "\n ", "=\n", "TEL;QUOTED-PRINTABLE:=\n", "BEGIN:VCARD\n", "\\", "=0D", "\r"],
)  # fmt: skip
def test_ten_megabytes_of_rubbish_cost_no_more_than_the_first_of_it(rubbish: str) -> None:
    # The runner's time limit is the judge: what grows with the square of this would not end.
    read = read_card("FN;QUOTED-PRINTABLE:Олег\nTEL:112\n" + rubbish * (10_000_000 // len(rubbish)))
    assert read.phones[0] == "112"


@pytest.mark.parametrize(
    ("parts", "name"), [("\\", ""), ("Ким\\", "Ким"), ("Ким;Олег\\", "Олег Ким")]
)
def test_a_name_that_ends_in_a_backslash_costs_no_message(parts: str, name: str) -> None:
    # Found by fuzzing: such a card raised, and its message was parked instead of delivered.
    assert read_card(f"BEGIN:VCARD\nN:{parts}\nEND:VCARD").name.replace("\\", "") == name

"""core.text: UTF-16 lengths, what no end can store, and where a long text is cut."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from laws import law, texts, visible, wire_texts
from maxbridge.core.text import (
    _LETTERS,
    MAX_TEXT_UNITS,
    UNSEEN,
    bare,
    clean,
    cleaned_offsets,
    is_blank,
    one_line,
    split,
    utf16_len,
)

# What a reader sees as one character; Python sees several.
CLUSTERS = {
    "a pair of surrogates": "😀",
    "a skin tone": "👍🏽",
    "an emoji with its variation selector": "❤️",
    "a joined family": "👨‍👩‍👧",
    "a keycap": "1️⃣",
    "a flag": "🇷🇺",
    "a flag of tags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "й as и and breve": "и\u0306",
    "a letter with two marks": "e\u0301\u0323",
    "a letter with an enclosing circle": "а\u20dd",
    "a Hebrew letter with its point": "\u05d1\u05b0",
    "an Arabic letter with its vowel": "\u0628\u064e",
    "a Hindi letter with its vowel sign": "\u0915\u093f",
}


@given(wire_texts)
@law
def test_utf16_len_is_the_length_of_the_text_in_utf16(text: str) -> None:
    assert utf16_len(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- clean -----------------------------------------------------------------------------------------


@given(wire_texts)
@example("\r\x00\n")
@law
def test_clean_twice_is_clean_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(wire_texts)
@law
def test_what_is_clean_can_be_encoded(text: str) -> None:
    # Contract freescout.md 1: invalid UTF-8 looks to FreeScout like a missing field.
    clean(text).encode("utf-8")


@given(wire_texts)
@law
def test_what_is_clean_has_no_control_character_but_line_feed_and_tab(text: str) -> None:
    left = {char for char in clean(text) if unicodedata.category(char) == "Cc"}
    assert left <= {"\n", "\t"}


@given(texts)
@law
def test_clean_keeps_everything_visible_in_order(text: str) -> None:
    kept = [char for char in text if unicodedata.category(char) not in ("Cc", "Cn")]
    assert [char for char in clean(text) if unicodedata.category(char) not in ("Cc", "Cn")] == kept


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("\ud83d\ude00", "😀"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ud83d\ude00\ude00", "\ufffd😀\ufffd"),
        ("a\r\nb\rc\nd\te", "a\nb\nc\nd\te"),
        ("a\x00b\x1b[31mc\x7f\ufffe\uffff", "ab[31mc"),
    ],
)
def test_clean_by_example(raw: str, expected: str) -> None:
    assert clean(raw) == expected


# --- one_line --------------------------------------------------------------------------------------


@given(texts, st.integers(min_value=1, max_value=60))
@law
def test_one_line_is_one_line_and_not_longer_than_asked(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


@given(texts)
@law
def test_one_line_of_a_short_text_is_the_whole_text(text: str) -> None:
    assert one_line(text, 1000) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("два  слова\nи ещё", 80, "два слова и ещё"),
        ("первое слово, второе", 15, "первое слово…"),
        ("неразделимое", 5, "нера…"),
        ("   ", 5, ""),
    ],
)
def test_one_line_by_example(text: str, limit: int, expected: str) -> None:
    assert one_line(text, limit) == expected


# --- split -----------------------------------------------------------------------------------------


@given(texts, st.integers(min_value=2, max_value=40))
@law
def test_no_part_is_longer_than_the_limit(text: str, limit: int) -> None:
    # Contract max.md 5.1: the unit of MAX's limit is the UTF-16 code unit.
    assert all(0 < utf16_len(part) <= limit for part in split(text, limit))


@given(texts, st.integers(min_value=2, max_value=40))
@law
def test_every_visible_character_arrives_in_order(text: str, limit: int) -> None:
    assert visible("".join(split(text, limit))) == visible(text)


@given(
    st.lists(
        st.sampled_from([*CLUSTERS.values(), "x", "слово", " ", "\n"]), min_size=2, max_size=40
    ),
    st.integers(min_value=14, max_value=40),
)
@law
def test_no_character_is_torn(pieces: list[str], limit: int) -> None:
    parts = split("".join(pieces), limit)
    whole = [piece for piece in pieces if piece.strip()]
    # Every part must be made of whole pieces; only a word may be cut.
    letters = [char for piece in whole for char in ([*piece] if piece == "слово" else [piece])]
    for part in parts:
        rest = visible(part)
        while rest:
            assert rest.startswith(letters[0]), (part, letters[0])
            rest = rest[len(letters.pop(0)) :]
    assert not letters


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_a_character_of_several_code_points_is_never_torn(cluster: str) -> None:
    for before in range(1, 17):
        # A run without blanks, so that the cut falls wherever the limit does.
        text = "x" * before + cluster + "y" * 20
        parts = split(text, 16)
        assert "".join(parts) == text
        assert any(cluster in part for part in parts), f"after {before} letters"


def test_a_letter_with_very_many_marks_is_not_torn_while_it_fits() -> None:
    # «Zalgo» text: ugly, but one character to its reader, and shorter than a message.
    zalgo = "e" + "\u0301" * 60
    text = "x" * 50 + zalgo + "y" * 70
    assert any(zalgo in part for part in split(text, 100))


def test_what_alone_is_longer_than_a_message_is_cut_all_the_same() -> None:
    monster = "👨" + "\u200d👨" * 50
    parts = split(monster, 20)
    assert "".join(parts) == monster
    assert all(utf16_len(part) <= 20 for part in parts)


@given(st.text(alphabet=" \t\n\r\f\v\u00a0\u2003\u2028", max_size=20))
@law
def test_a_blank_text_is_no_message(text: str) -> None:
    assert split(text, 10) == []


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("коротко", 4000, ["коротко"]),
        ("первый абзац\n\nвторой абзац", 20, ["первый абзац", "второй абзац"]),
        ("строка один\nстрока два", 15, ["строка один", "строка два"]),
        ("Раз, два, три. Четыре, пять", 18, ["Раз, два, три.", "Четыре, пять"]),
        ("слово слово слово", 12, ["слово слово", "слово"]),
        # No blank in the second half: a short first message would not be better.
        ("ровно десятилетие", 10, ["ровно деся", "тилетие"]),
        ("0123456789", 10, ["0123456789"]),
        ("01234567890", 10, ["0123456789", "0"]),
        # The blank lines after the limit are dropped anyway, so the paragraph before them fits.
        ("раз два\n\nтри\n\nчетыре", 12, ["раз два\n\nтри", "четыре"]),
        # The blank after the limit is dropped anyway, so the word before it may fill the part.
        ("0123456789 abc", 10, ["0123456789", "abc"]),
    ],
)
def test_the_cut_falls_at_the_most_sensible_place(
    text: str, limit: int, expected: list[str]
) -> None:
    assert split(text, limit) == expected


def test_one_early_paragraph_does_not_make_a_tiny_message() -> None:
    parts = split("Да.\n\n" + "слово " * 10, 30)
    assert len(parts[0]) > 15


def test_emoji_count_twice() -> None:
    assert [len(part) for part in split("😀" * 2001)] == [2000, 1]
    assert len(split("я" * MAX_TEXT_UNITS)) == 1


# --- what cleaning moves, and what nobody sees ----------------------------------------------------------


@given(wire_texts)
@law
def test_every_unit_of_a_raw_text_has_its_place_in_the_cleaned_one(text: str) -> None:
    offsets = cleaned_offsets(text)
    assert len(offsets) == utf16_len(text) + 1
    assert offsets[-1] == utf16_len(clean(text))
    for end in range(len(text)):
        joined = text[:end].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        between = text[max(0, end - 1) : end + 1]
        if between != "\r\n" and "\ufffd" not in joined:
            assert offsets[utf16_len(text[:end])] == utf16_len(clean(text[:end]))


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("Анна «А» O'Neil 👩‍💻 ❤️", "Анна «А» O'Neil 👩‍💻 ❤️"),
        ("счёт\u202efdp.exe", "счётfdp.exe"),
        ("\u2066a\u2069\u200b\ufeff\u00adb\x00\x1bc\u3164", "abc"),
        ("a\u00a0b\nc", "a\u00a0b\nc"),
        ("", ""),
        # Real emoji keep what they are made with; what stands elsewhere hides something.
        ("❤️ 1️⃣ ‼️ ℹ️ ↔️", "❤️ 1️⃣ ‼️ ℹ️ ↔️"),
        ("👩🏽\u200d💻 👁️\u200d🗨️ 🙂\u200d↔️ 🏳️\u200d🌈", "👩🏽\u200d💻 👁️\u200d🗨️ 🙂\u200d↔️ 🏳️\u200d🌈"),
        (
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        ),
        ("а\ufe0fб\U000e0100 👩\u200d", "аб 👩"),
        ("🏴\U000e0067\U000e0062 а\U000e0041\U000e007f", "🏴 а"),
        # Persian, Hindi, Bengali, Sinhala, Malayalam and Mongolian words are spelled with joiners.
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("ه\u200d", "ه\u200d"),
        ("क्\u200dष क्\u200cष", "क्\u200dष क्\u200cष"),
        ("র\u200d্য", "র\u200d্য"),
        ("ශ්\u200dරී", "ශ්\u200dරී"),
        ("അവന്\u200d", "അവന്\u200d"),
        ("ᠪᠠᠢ\u180eᠨ\u180b", "ᠪᠠᠢ\u180eᠨ\u180b"),
        ("Ан\u200cна A\u200db ми\u200d", "Анна Ab ми"),
        # Signs over Arabic numbers are seen, though their class is that of unseen ones.
        ("\u0600\u06f1\u06f2", "\u0600\u06f1\u06f2"),
        # A mark alone is a speck.
        ("\u0301", ""),
        ("Ким \u0301\u20dd", "Ким "),
        ("\ufe0f\u0300\u0e34", ""),
    ],
)
def test_a_bare_name_has_no_characters_that_nobody_sees(name: str, seen: str) -> None:
    assert bare(name) == seen
    assert is_blank("".join(set(bare(name)) - set(bare(name, joined=False))))


def test_the_whole_class_of_unseen_characters_is_none_of_a_name() -> None:
    ranges = (
        "AD 34F 61C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 FFF0-FFF8 "
        "1BCA0-1BCA3 1D173-1D17A E0000-E0FFF 2800 FFF9-FFFB 13430-1343F 16FE4 1D159 0-8 E-1F 7F-9F"
    )
    for each in ranges.split():
        first, _, last = each.partition("-")
        unseen = list(map(chr, range(int(first, 16), int(last or first, 16) + 1)))
        for char in unseen:
            assert is_blank(char)
            assert bare(f"Аня{char}") == "Аня"
            assert is_blank(bare(f" {char}{char} "))
        assert is_blank("".join(unseen))
    # Format characters are unseen but for those that enclose or stand over numbers and words.
    seen = set(
        "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    )
    for char in map(chr, range(0x110000)):
        if unicodedata.category(char) in ("Cf", "Cc", "Cs") and not char.isspace():
            assert is_blank(char) != (char in seen)


def test_what_is_taken_for_letters_has_neither_marks_nor_what_nobody_sees() -> None:
    letters = [char for char in map(chr, range(0x110000)) if _LETTERS.fullmatch(char)]
    assert set("Zя№«»—₽ёÉβ’ \xa0") <= set(letters)
    for char in letters:
        assert not UNSEEN.match(char)
        assert unicodedata.category(char) not in ("Mn", "Me", "Cf", "Cc", "Cs")


@given(
    st.text(
        st.sampled_from(
            "aЯم क्র1❤👩💻🏴\u200b\u200c\u200d\ufe0f\u20e3\u0301\u180e\u202e\U000e0067\U000e007f🏽↔ᠪ"
        )
    )
)
@law
def test_a_bare_name_is_bare_already(name: str) -> None:
    once = bare(name)
    assert bare(once) == once
    assert bare(name, joined=False) == bare(once, joined=False)
    assert not is_blank(once) or once.isspace() or once == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "\u200b",
        "\u202e\u2066",
        "\u2800\u3164",
        "\ufeff\ufe0f",
        "\u17b4\U000e0100 \U0001d159",
    ],
)
def test_texts_that_show_nothing(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", [".", "0", "👍", "\ufffd", " я", "\u0301"])
def test_texts_that_show_something(text: str) -> None:
    assert not is_blank(text)


def test_marks_piled_on_a_letter_do_not_cover_the_lines_around_it() -> None:
    assert bare("З\u0301" + "\u0336" * 40 + "ло") == "З\u0301" + "\u0336" * 3 + "ло"
    for honest in ("Йод", "Nguyễn", "กิ์", "שָׁלוֹם", "1️⃣ 👩🏽‍💻"):
        assert bare(honest) == honest

"""What text that is not UTF-8 may be instead, so that a message can tell how to convert it."""

import codecs
import re

ENCODING_OF_MARK = {  # UTF-32 before UTF-16, whose mark its own begins with
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # of surrogates
CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f]")
OTHER_SCRIPTS = (
    "Windows-1251 or KOI8-R for Russian, GB18030 or Big5 for Chinese, Shift_JIS or EUC-JP for Japanese, EUC-KR for "
    "Korean, Windows-1253 for Greek, -1255 for Hebrew, -1256 for Arabic, TIS-620 for Thai"
)


def find_wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 with a byte order mark, or by the zero bytes that it has without one; None for other text.

    `head` is the beginning of the text. A line end is one zero byte and "\\n" in UTF-16, and spaces and Latin letters
    have zero bytes, too; in UTF-32 one byte of four is always zero. What is UTF-8 without its zero bytes must have them
    in most places.
    """
    for mark, name in ENCODING_OF_MARK.items():
        if head.startswith(mark):
            return name
    if b"\0" not in head:
        return None
    whole = head[: len(head) // 4 * 4]
    first, second, third, fourth = (whole[place::4].count(0) * 4 / max(1, len(whole)) for place in range(4))
    if fourth == 1 > first and third > 0.5:
        return "UTF-32LE"
    if first == 1 > fourth and second > 0.5:
        return "UTF-32BE"
    units = [head[place : place + 2] for place in range(0, len(head), 2)]
    is_wide = not is_plain_utf8(head.replace(b"\0", b""))
    for name, line_end, high in (("UTF-16LE", b"\n\0", 1), ("UTF-16BE", b"\0\n", 0)):
        if units.count(line_end) * 2 >= head.count(b"\n") > 0 and (is_wide or has_block(head[high::2])):
            return name
        if head[high::2].count(0) * 5 >= len(head) * 2 and not head[1 - high :: 2].count(0):
            return name
    return None


def is_plain_utf8(head: bytes) -> bool:
    """Whether the beginning of a text is UTF-8 without control characters, as the bytes of Cyrillic in UTF-16 have."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # its last character may be incomplete
    except UnicodeDecodeError:
        return False
    return CONTROL.search(text) is None


def has_block(high: bytes) -> bool:
    """Whether half of the first bytes of characters are those of Devanagari, Malayalam or kana, which ASCII has too."""
    return max(map(high.count, (b"\t", b"\r", b"0"))) * 2 >= len(high)


def describe_bad_byte(
    name: str,
    number: int,
    offset: int,
    error: UnicodeDecodeError,
    is_utf8_before: bool,
    problem: str = "is not UTF-8",
) -> str:
    """The message for a byte that is not UTF-8 in a line of the text called `name`, with advice.

    `offset` is the byte's in the text. `is_utf8_before` is whether earlier lines have characters beyond ASCII.
    `problem` is how the message goes on after the name.
    """
    line: bytes = error.object.removeprefix(codecs.BOM_UTF8)
    beyond_ascii = [byte for byte in line if byte >= 0x80]
    if half := describe_half(line):
        advice = half
    elif is_utf8_before:
        advice = "The lines before it are UTF-8: mend or remove this line"
    elif len(beyond_ascii) > 3 and len(beyond_ascii) * 2 > len(line.strip()):
        advice = (
            f"It is hardly in Latin letters. Its encoding may be {OTHER_SCRIPTS}\n"
            "  Convert it first: iconv -f ENCODING -t UTF-8"
        )
    else:
        guess = "Windows-1252" if any(byte < 0xA0 for byte in beyond_ascii) else "ISO-8859-1"
        advice = f"If it is {guess}, convert it first: iconv -f {guess} -t UTF-8"
    return (
        f"{name} {problem}: line {number:,}, byte {offset:,} of the text is 0x{error.object[error.start]:02X}\n"
        f"  {advice}"
    )


def describe_half(line: bytes) -> str:
    """Advice for a line that would be UTF-8 but for the halves of characters that UTF-16 has; empty for another."""
    try:
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return ""
    if PAIR.search(text):
        return (
            "It is CESU-8, which has two halves (surrogates) for an emoji: make the text again as UTF-8, or decode it "
            "by ftfy's utf-8-variants"
        )
    return (
        "Half a character (a lone surrogate) begins there: the text was split or decoded wrongly\n"
        "  Write complete characters, or remove the line"
    )

"""Particles of Korean, which are written onto the word before them: 서버에서 is 서버 with the particle 에서."""

import re
import unicodedata
from collections.abc import Iterator

PARTICLES = (
    "은|는|이|가|을|를|의|에|에서|에게|에게서|께|께서|한테|한테서|으로|로|으로서|로서|으로써|로써|와|과|랑|이랑|하고|도|만|"
    "까지|부터|마저|조차|밖에|처럼|보다|마다|나|이나|라도|이라도|든지|이든지|대로|뿐|요|들|입니다|이다|이며|이고|인|라는|"
    "이라는|라고|이라고|이면|예요|이에요|야말로|이야말로|끼리|씩|였다|이었다|였고|이었고"
)
ENDING = re.compile(f"(?:{PARTICLES}){{1,3}}")
LEAST = 2  # characters of a word that has particles; 회의 is a word of its own and not 회 with 의


def list_stems(word: str) -> Iterator[int]:
    """The lengths of what is before particles at the end of a word, the longest first.

    >>> list(list_stems("서버에서는"))
    [4, 2]
    """
    for size in range(len(word) - 1, LEAST - 1, -1):
        if ENDING.fullmatch(unicodedata.normalize("NFC", word[size:])):
            yield size

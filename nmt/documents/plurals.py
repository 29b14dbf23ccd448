"""The plural forms of languages, as the headers of gettext's PO files have them.

The rules are those that gettext itself writes (GNU gettext manual, "Plural forms"; its msginit), and for languages that
it does not know those of the Localization Guide and of CLDR. Babel has those of CLDR alone, whose third form for
millions in French and Spanish no other file has.
"""

from collections.abc import Callable
from gettext import c2py
from re import search
from typing import NamedTuple

ALL_ONE = "nplurals=1; plural=0;"
ONE_OR_MORE = "nplurals=2; plural=(n != 1);"
MORE_THAN_ONE = "nplurals=2; plural=(n > 1);"
ENDS_WITH_ONE = "nplurals=2; plural=(n%10!=1 || n%100==11);"
EAST_SLAVIC = "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"
POLISH = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"
CZECH = "nplurals=3; plural=(n==1 ? 0 : n>=2 && n<=4 ? 1 : 2);"
SLOVENE = "nplurals=4; plural=(n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3);"
LITHUANIAN = "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && (n%100<10 || n%100>=20) ? 1 : 2);"
LATVIAN = "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2);"
ROMANIAN = "nplurals=3; plural=(n==1 ? 0 : n==0 || (n%100 > 0 && n%100 < 20) ? 1 : 2);"
IRISH = "nplurals=5; plural=(n==1 ? 0 : n==2 ? 1 : n>2 && n<7 ? 2 : n>6 && n<11 ? 3 : 4);"
GAELIC = "nplurals=4; plural=(n==1 || n==11 ? 0 : n==2 || n==12 ? 1 : n>2 && n<20 ? 2 : 3);"
WELSH = "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n==3 ? 3 : n==6 ? 4 : 5);"
MALTESE = "nplurals=4; plural=(n==1 ? 0 : n==0 || (n%100>1 && n%100<11) ? 1 : n%100>10 && n%100<20 ? 2 : 3);"
ARABIC = "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>2 && n%100<11 ? 3 : n%100>10 ? 4 : 5);"
LANGUAGES = {  # by their codes, in small letters and with "_"
    ALL_ONE: "bo dz id ig ii ja jv km ko lo ms my sah su th to tt vi wo yo yue zh",
    ONE_OR_MORE: "af an asa ast az bal bg brx ca ce chr ckb da de dv ee el en eo es et eu fi fo fur fy gl gsw ha haw "
    "he hu ia it ka kk kl ks ku ky lb lg ml mn mr nb nd ne nl nn no ny om or os pap pms ps pt rm rw sc sco sd se sn so "
    "sq st sv sw ta te tk tn tr ts ug ur uz ve vo xh yi",
    MORE_THAN_ONE: "ak am arn as bn fa ff fil fr gu hi hy kab kn ln mg mi nso oc pa pt_br si tg ti tl wa zu",
    ENDS_WITH_ONE: "is mk",
    EAST_SLAVIC: "be bs cnr hr ru rue sh sr uk",
    POLISH: "csb pl szl",
    CZECH: "cs sk",
    SLOVENE: "dsb hsb sl",
    LITHUANIAN: "lt",
    LATVIAN: "lv",
    ROMANIAN: "mo ro",
    IRISH: "ga",
    GAELIC: "gd",
    WELSH: "cy",
    MALTESE: "mt",
    ARABIC: "ar",
}
OF_LANGUAGE = {code: rule for rule, codes in LANGUAGES.items() for code in codes.split()}
OFTEN = 5  # numbers below 1,000 that a form is used for, if a message of it must have the number in it


class PluralForms(NamedTuple):
    """The plural forms that a header declares: how many, and which of them a number has."""

    total: int
    choose: Callable[[int], int]

    @property
    def singular(self) -> int:
        """The form of the number one."""
        return self.choose(1)

    @property
    def is_singular_general(self) -> bool:
        """Whether the form of the number one is that of many other numbers, as of 21 in Russian."""
        return sum(self.choose(number) == self.singular for number in range(1000)) > OFTEN


def find_plural_forms(language: str) -> str | None:
    """The plural forms of a language such as "pl" or "pt-BR", as in a header; None if they are not known.

    >>> find_plural_forms("de-AT")
    'nplurals=2; plural=(n != 1);'
    """
    code = language.lower().replace("-", "_")
    return OF_LANGUAGE.get(code) or OF_LANGUAGE.get(code.partition("_")[0])


def parse_plural_forms(declared: str) -> PluralForms | None:
    """The plural forms that a header declares; None where these are none, as in a template."""
    found = search(r"nplurals\s*=\s*([1-9])\s*;\s*plural\s*=([^;]+)", declared)
    if found is None:
        return None
    try:
        forms = PluralForms(int(found[1]), c2py(found[2].strip()))
        return forms if forms.singular < forms.total else None
    except (ValueError, ArithmeticError):  # no expression, or one without a value
        return None

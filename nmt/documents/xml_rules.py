"""Rules for XML, of the user or of a vocabulary: which elements have text, are inline in it, or stay as they are."""

import re
from dataclasses import dataclass, field, fields
from itertools import combinations
from pathlib import Path, PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Strict

from nmt.errors import SettingsError, did_you_mean
from nmt.validation import check, read_toml, write_value

Layout = Literal["nested", "block", "inline"]
MOST_SHOWN = 5  # names in a note
LAYOUTS = ("inline", "block", "nested")
NAME = r"[^\W\d][\w.-]*"
ELEMENT = re.compile(rf"(?:{NAME}/)?{NAME}")
ATTRIBUTE = re.compile(rf"(?:{NAME}@)?(?:{NAME}:)?{NAME}")
LAST_ELEMENT = re.compile(rf"(?:(?<![\w.:}}-]){NAME}/)?{NAME}$")  # of a path, without a prefix
LAST_ATTRIBUTE = re.compile(rf"(?:({NAME})/?)?@((?:{NAME}:)?{NAME})$")


def check_element(name: str) -> str:
    """The name of an element. Raises ValueError, which pydantic collects, for what cannot be one."""
    if ELEMENT.fullmatch(name):
        return name
    last = LAST_ELEMENT.search(name)
    raise ValueError(
        f"{write_value(name)} is no element: write name or parent/name, without prefixes"
        f"{f'; did you mean {write_value(last[0])}?' if last else ''}"
    )


def check_attribute(name: str) -> str:
    """The name of an attribute. Raises ValueError, which pydantic collects, for what cannot be one."""
    if ATTRIBUTE.fullmatch(name):
        return name
    last = LAST_ATTRIBUTE.search(name)
    guess = (f"{last[1]}@{last[2]}" if last[1] else last[2]) if last else ""
    raise ValueError(
        f"{write_value(name)} is no attribute: write name or element@name"
        f"{f'; did you mean {write_value(guess)}?' if guess else ''}"
    )


Names = tuple[Annotated[str, Strict(), AfterValidator(check_element)], ...]
AttributeNames = tuple[Annotated[str, Strict(), AfterValidator(check_attribute)], ...]


@dataclass(frozen=True)
class XmlRules:
    """Names of elements, without prefixes: `name`, or `parent/name` for those in a certain element.

    `text` are elements whose content is translated; without any, all text is. `inline` are elements inside text, as for
    emphasis, and `block` are those that end the text before them; of those that no rule names, the ones that stand
    beside text are inline. `nested` are elements with a text of their own inside another text, which goes on after
    them, such as footnotes. `lines` are elements whose line ends stay, as in verse. `untranslated` are elements that
    stay as they are, with all in them. `attributes` are `name`, or `element@name`, of attributes that people read, with
    the prefixes of attributes as documents write them, and `languages` those that tell the language of an element, as
    xml:lang does.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    text: Names = ()
    inline: Names = ()
    block: Names = ()
    nested: Names = ()
    lines: Names = ()
    untranslated: Names = ()
    attributes: AttributeNames = ()
    languages: AttributeNames = ()

    @classmethod
    def read(cls, path: Path | str) -> "XmlRules":
        """Read rules from a TOML file.

        Raises SettingsError for a file that cannot be read or is not TOML, for other keys and for wrong values, and for
        an element in two lists that exclude each other.
        """
        rules = check(cls, read_toml(Path(path)), str(path))
        twice = [
            f"\n  {write_value(name)} is in {one} and in {other}: leave it in one of them"
            for one, other in combinations(LAYOUTS, 2)
            for name in dict.fromkeys(getattr(rules, one))
            if name in getattr(rules, other)
        ]
        if twice:
            raise SettingsError(f"{path} cannot be used", *twice)
        return rules

    def extend(self, own: "XmlRules") -> "XmlRules":
        """These rules and those of `own`, which count more.

        An element that `own` names leaves the other lists of these, so that `inline` makes it translated, too; but one
        that `own` leaves untranslated stands in text as before. If `own` tells which text is translated, no attribute
        is that it does not name.
        """
        placed = {*own.inline, *own.block, *own.nested}
        return XmlRules(
            text=own.text or self.text,
            inline=tuple(name for name in self.inline if name not in placed) + own.inline,
            block=tuple(name for name in self.block if name not in placed) + own.block,
            nested=tuple(name for name in self.nested if name not in placed) + own.nested,
            lines=self.lines + own.lines,
            untranslated=tuple(name for name in self.untranslated if name not in {*placed, *own.text})
            + own.untranslated,
            attributes=(() if own.text else self.attributes) + own.attributes,
            languages=self.languages + own.languages,
        )

    def find_layout(self, name: str, parent: str) -> Layout | None:
        """How an element stands in text, if a rule tells. One that names its parent, too, counts more than others."""
        for known in (f"{parent}/{name}", name):
            if known in self.nested:
                return "nested"
            if known in self.text + self.block:
                return "block"
            if known in self.inline:
                return "inline"
        return None

    def is_read(self, element: str, attribute: str) -> bool:
        """Whether people read an attribute."""
        return has_attribute(self.attributes, element, attribute)

    def tells_language(self, element: str, attribute: str) -> bool:
        """Whether an attribute tells the language of its element."""
        return attribute == "xml:lang" or has_attribute(self.languages, element, attribute)


@dataclass
class RuleUse:
    """Which names in rules the documents that were read have; see XmlDocument.list_names."""

    rules: XmlRules
    known: set[str] = field(default_factory=set)

    def describe(self) -> list[str]:
        """A note on the names that no element or attribute has, if any document has been read."""
        unused = []
        for key in (one.name for one in fields(self.rules)) if self.known else ():
            is_attribute = key in ("attributes", "languages")
            for name in dict.fromkeys(getattr(self.rules, key)):
                if (f"@{name}" if is_attribute and "@" not in name else name) not in self.known:
                    alike = sorted(one.removeprefix("@") for one in self.known if ("@" in one) == is_attribute)
                    unused.append(f'\n  "{name}" in {key}{did_you_mean(name, alike)}')
        more = [f"\n  and {len(unused) - MOST_SHOWN:,} more"] if len(unused) > MOST_SHOWN else []
        return ["".join(["rules for XML name what no document has", *unused[:MOST_SHOWN], *more])] if unused else []


def choose_rules(name: str, content: bytes) -> XmlRules:
    """The rules of the vocabulary of a file, by the suffix of its name or by what it declares."""
    suffix, beginning = PurePath(name).suffix.lower(), content[:LONGEST_PROLOG]
    for rules, suffixes, declared in VOCABULARIES:
        if suffix in suffixes or declared in beginning:
            return rules
    return ALL_TEXT


def has_element(names: Names, name: str, parent: str) -> bool:
    """Whether names have an element in its parent."""
    return bool(names) and (name in names or f"{parent}/{name}" in names)


def has_attribute(names: AttributeNames, element: str, attribute: str) -> bool:
    """Whether names have an attribute of an element."""
    return bool(names) and (attribute in names or f"{element}@{attribute}" in names)


def read_names(text: str) -> Names:
    """The names between blanks."""
    return tuple(text.split())


ALL_TEXT = XmlRules()
LONGEST_PROLOG = 4096  # bytes in which a document declares its vocabulary
DOCBOOK_CODES = read_names(
    "classname code command computeroutput constant email envar exceptionname filename function interfacename "
    "literal methodname option package parameter prompt property replaceable returnvalue structfield "
    "structname symbol systemitem tag sgmltag token type uri userinput varname"
)
DOCBOOK_BLOCKS = read_names(
    "classsynopsis cmdsynopsis fieldsynopsis funcsynopsis methodsynopsis programlisting programlistingco "
    "screen screenco synopsis"
)
DOCBOOK = XmlRules(
    inline=DOCBOOK_CODES
    + read_names(
        "abbrev acronym anchor application citetitle emphasis firstterm foreignphrase glossterm guibutton guiicon "
        "guilabel guimenu guimenuitem guisubmenu keycap keycombo link menuchoice phrase productname quote "
        "subscript superscript trademark ulink wordasword xref"
    ),
    block=DOCBOOK_BLOCKS
    + read_names(
        "address blockquote calloutlist caution danger equation example figure formalpara important informalequation "
        "informalexample informalfigure informaltable itemizedlist listitem literallayout mediaobject note "
        "orderedlist para procedure segmentedlist sidebar simpara simplelist step table tip title variablelist "
        "varlistentry warning primary secondary tertiary see seealso"
    ),
    nested=read_names("alt annotation footnote indexterm inlinemediaobject remark textobject"),
    lines=DOCBOOK_BLOCKS + read_names("address literallayout"),
    untranslated=DOCBOOK_CODES + DOCBOOK_BLOCKS + read_names("firstname math personname surname svg"),
    languages=("lang",),  # of DocBook 4; DocBook 5 has xml:lang
)
DITA_CODES = read_names(
    "apiname boolean cmdname codeph delim filepath kwd msgnum numcharref oper option parameterentity parmname "
    "sep state synph systemoutput textentity userinput var varname xmlatt xmlelement xmlnsname xmlpi"
)
DITA_BLOCKS = read_names("codeblock pre screen syntaxdiagram")
DITA_UNREAD = read_names("draft-comment foreign mathml required-cleanup svg-container unknown")
DITA = XmlRules(
    inline=DITA_CODES
    + read_names(
        "abbreviated-form b cite i keyword line-through menucascade overline ph q sub sup term tm tt u uicontrol "
        "wintitle xref"
    ),
    block=DITA_BLOCKS
    + read_names(
        "div dl dlentry dt dd example fig hazardstatement li lines lq msgblock note ol p section simpletable sl "
        "sli table title ul"
    ),
    nested=DITA_UNREAD
    + read_names(
        "alt data data-about desc fn index-see index-see-also index-sort-as indexterm indextermref longdescref"
    ),
    lines=DITA_BLOCKS + read_names("lines msgblock"),
    untranslated=DITA_CODES + DITA_BLOCKS + DITA_UNREAD,
    attributes=("navtitle", "spectitle"),
)
ANDROID_VALUES = read_names(
    "attr bool color declare-styleable dimen drawable fraction id integer integer-array item overlayable public style"
)
ANDROID = XmlRules(
    inline=read_names("string/g item/g"),  # of XLIFF, around what translators leave as it is
    untranslated=(*read_names("string/g item/g"), *(f"resources/{name}" for name in ANDROID_VALUES)),
)
VOCABULARIES = (  # rules, suffixes of files, and what a document declares
    (DOCBOOK, (".docbook", ".dbk"), b"http://docbook.org/ns/docbook"),
    (DOCBOOK, (), b"-//OASIS//DTD DocBook"),
    (DITA, (".dita", ".ditamap"), b"-//OASIS//DTD DITA"),
    (ANDROID, (), b"<resources"),
)

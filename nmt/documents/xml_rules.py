"""Rules for XML, of the user or of a vocabulary: which elements have text, are inline in it, or stay as they are."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Strict

from nmt.validation import check, read_toml

Layout = Literal["nested", "block", "inline"]
Names = tuple[Annotated[str, Strict(), Field(min_length=1)], ...]


@dataclass(frozen=True)
class XmlRules:
    """Names of elements, without prefixes: `name`, or `parent/name` for those in a certain element.

    `text` are elements whose content is translated; without any, all text is. `inline` are elements inside text, as for
    emphasis, and `block` are those that end the text before them; of those that no rule names, the ones that stand
    beside text are inline. `nested` are elements with a text of their own inside another text, which goes on after
    them, such as footnotes. `untranslated` are elements that stay as they are, with all in them. `attributes` are
    `name`, or `element@name`, of attributes that people read.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    text: Names = ()
    inline: Names = ()
    block: Names = ()
    nested: Names = ()
    untranslated: Names = ()
    attributes: Names = ()

    @classmethod
    def read(cls, path: Path | str) -> "XmlRules":
        """Read rules from a TOML file.

        Raises SettingsError for a file that cannot be read or is not TOML, for other keys and for wrong values.
        """
        return check(cls, read_toml(Path(path)), str(path))

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
            untranslated=tuple(name for name in self.untranslated if name not in {*placed, *own.text})
            + own.untranslated,
            attributes=(() if own.text else self.attributes) + own.attributes,
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
        return attribute in self.attributes or f"{element}@{attribute}" in self.attributes


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
        "blockquote calloutlist caution danger equation example figure formalpara important informalequation "
        "informalexample informalfigure informaltable itemizedlist listitem literallayout mediaobject note "
        "orderedlist para procedure segmentedlist sidebar simpara simplelist step table tip title variablelist "
        "varlistentry warning primary secondary tertiary see seealso"
    ),
    nested=read_names("alt annotation footnote indexterm inlinemediaobject remark textobject"),
    untranslated=DOCBOOK_CODES + DOCBOOK_BLOCKS + read_names("firstname math personname surname svg"),
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
    untranslated=DITA_CODES + DITA_BLOCKS + DITA_UNREAD,
    attributes=("navtitle", "spectitle"),
)
VOCABULARIES = (  # rules, suffixes of files, and what a document declares
    (DOCBOOK, (".docbook", ".dbk"), b"http://docbook.org/ns/docbook"),
    (DOCBOOK, (), b"-//OASIS//DTD DocBook"),
    (DITA, (".dita", ".ditamap"), b"-//OASIS//DTD DITA"),
)

"""Text of others, made safe for a terminal and for a log of one line per event."""

import unicodedata

REPLACEMENT = "\ufffd"


def plain(text: str) -> str:
    """Return a text without what could forge a line or play tricks on a terminal.

    Each control, format (bidirectional, too), surrogate, unassigned or line separator character becomes U+FFFD. Blanks
    that are seen, such as the no-break space, stay.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or unicodedata.category(each) == "Zs" else REPLACEMENT for each in text)

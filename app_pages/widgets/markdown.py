"""What people typed and what files are called, made fit to be drawn: as text that steers nothing.

Streamlit's labels and texts are Markdown; `st.html` is HTML; both obey characters that turn the direction of writing.
"""

import html
import re

from pictures.text import inert

MARKS = "\\`*_{}[]()<>#+-!|:~$=&"
WORD_JOINER = "\N{WORD JOINER}"
AFTER_MARKDOWN = re.compile(r":(?=[\w+/-]*:|//)|@|www(?=\.)|[-<>~](?=[->=])", re.IGNORECASE)
"""Where an invisible character keeps Streamlit from making links, icons, emoji and arrows: it makes them of the text
that Markdown leaves, so a backslash does not help."""


def escape_markdown(text: str) -> str:
    r"""The text so that Markdown shows it as it is.

    >>> escape_markdown("a*b :red[c]")
    'a\\*b \\:red\\[c\\]'
    """
    joined = AFTER_MARKDOWN.sub(rf"\g<0>{WORD_JOINER}", inert(text))
    return "".join(f"\\{c}" if c in MARKS else c for c in joined)


def escape(text: str) -> str:
    """The text so that HTML shows it as it is, between tags and in quoted attributes."""
    return html.escape(inert(text))


def sentence(error: Exception) -> str:
    """An error's message as Markdown, with a capital and a full stop."""
    text = str(error).strip() or type(error).__name__
    return escape_markdown(text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else "."))

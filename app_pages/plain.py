"""Streamlit's labels and texts are Markdown; what people typed and files are called is not."""

MARKS = "\\`*_{}[]()<>#+-!|:~$="


def plain(text: str) -> str:
    r"""The text so that Markdown shows it as it is.

    >>> plain("a*b :red[c]")
    'a\\*b \\:red\\[c\\]'
    """
    return "".join(f"\\{c}" if c in MARKS else c for c in text)


def sentence(error: Exception) -> str:
    """An error's message as Markdown, with a capital and a full stop."""
    text = str(error).strip() or type(error).__name__
    return plain(text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else "."))

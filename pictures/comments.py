"""Read what stands in a picture's comments: EXIF's UserComment, PNG's text, an image generator's prompt.

Cameras and programs leave their own data there; what a person or a prompt says is a caption, the rest is dropped.
"""

import re

from pictures.words import MAX_CAPTION, clean_caption

_LOOKED_AT = 8 * MAX_CAPTION
# Of AUTOMATIC1111 and those that follow it: the prompt, what not to draw, then how it was drawn.
_PROMPT_ENDS = re.compile(r"^(negative prompt:|steps:\s*\d)", re.IGNORECASE | re.MULTILINE)
_PROMPT_MARKS = re.compile(r"<[^<>]{0,200}>|:\s*-?[\d.]+(?=\s*[)\]])|\\(?=[()])|\bBREAK\b")
# filter: 0; module: photo; hw-remosaic: false;  oplus_32, 8d777f385d3dfec8815d20f7496026dc: phones write it
_MACHINE = re.compile(r"(\s*[\w-]+\s*[:=][^;:=]*;){3}|[A-Za-z]*_?\d+\s*$|[A-Za-z0-9+/=_-]{20,}\s*$")


def comment(text: str) -> str:
    """The caption in a free comment: a generator's prompt, a person's words, or "" for a program's own data."""
    text = text[:_LOOKED_AT].strip("\0 \r\n\t")
    if text.startswith(("{", "[{", "<?xml", "<x:")) or _MACHINE.match(text) or not any(c.isalpha() for c in text):
        return ""
    return prompt(text) if _PROMPT_ENDS.search(text) else clean_caption(text)


def prompt(parameters: str) -> str:
    r"""What was to be drawn, without weights and names of models.

    >>> prompt("a (red:1.2) bicycle <lora:detail:0.8>\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a")
    'a red bicycle'
    """
    wanted = _PROMPT_ENDS.split(parameters[:_LOOKED_AT], maxsplit=1)[0]
    return clean_caption(re.sub(r"[()\[\]{}]", "", _PROMPT_MARKS.sub("", wanted))).strip(" ,")


def user_comment(value: object) -> str:
    """EXIF's UserComment: eight bytes that name its letters, then those (EXIF 2.32, 4.6.5)."""
    if isinstance(value, tuple):
        value = bytes(value)
    if isinstance(value, str):  # a type that the standard does not give it
        value = value.encode("latin-1", "replace")
    if not isinstance(value, bytes):
        return ""
    kind, body = value[:8].rstrip(b"\0 ").upper(), value[8 : 8 + 4 * _LOOKED_AT]
    if kind == b"UNICODE":
        return comment(_utf16(body))
    if kind == b"JIS":
        return comment(body.decode("iso2022_jp", "ignore"))
    if kind not in (b"ASCII", b""):  # written without the eight
        body = value[: 4 * _LOOKED_AT]
    try:
        return comment(body.decode("utf-8"))
    except UnicodeDecodeError:
        return comment(body.decode("latin-1"))


def _utf16(data: bytes) -> str:
    """By its mark; else the byte order in which more of its letters are of the first 256, as writers disagree."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "ignore")
    little = data[1::2].count(0) >= data[0::2].count(0)
    return data.decode("utf-16-le" if little else "utf-16-be", "ignore")

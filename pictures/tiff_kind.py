"""What kind of TIFF a file holds, in words, for a message about one that cannot be decoded."""

import io

from PIL import TiffImagePlugin

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _FORMAT = 256, 257, 258, 259, 277, 339
_SAMPLE_FORMATS = {
    1: "unsigned integer",
    2: "signed integer",
    3: "float",
    4: "undefined",
    5: "complex integer",
    6: "complex",
}


def tiff_kind(data: bytes) -> str:
    """Describe the first page's samples, for example "compression lzw, 3 x 16 bits, sample format float"; "" where its
    directory cannot be read."""
    try:
        file = io.BytesIO(data)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if data[2] == 43 or data[3] == 43 else 8))
        file.seek(tags.next)
        tags.load(file)
        if not (tags.get(_WIDTH) and tags.get(_HEIGHT)):
            return ""  # cut off, or no directory at all
        bits, formats = tags.get(_BITS, (1,)), tags.get(_FORMAT, (1,))
        compression = tags.get(_COMPRESSION, 1)
        name = TiffImagePlugin.COMPRESSION_INFO.get(compression, f"number {compression}")
        samples = max(int(tags.get(_SAMPLES, 1)), len(bits))
        return (
            f"compression {name}, {samples} x {'/'.join(str(n) for n in sorted(set(bits)))} bits, "
            f"sample format {'/'.join(_SAMPLE_FORMATS.get(n, str(n)) for n in sorted(set(formats)))}"
        )[:200]
    except Exception:  # as in describe: a broken directory raises almost anything
        return ""

"""Picture files made in memory, good ones of every format and broken ones byte by byte; and the door they pass."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from errors import PictureError
from pictures.open import Limits, Opened, open_image

SIDE = 64


def opened(data: bytes | Path, limits: Limits | None = None, side: int = SIDE) -> Opened:
    result = open_image(data, limits or Limits(), side)
    assert result.image.mode == "RGB"
    assert min(result.image.size) >= 1
    return result


def reason_of(data: bytes | Path, limits: Limits | None = None) -> str:
    with pytest.raises(PictureError) as caught:
        open_image(data, limits or Limits(), SIDE)
    assert len(str(caught.value)) > 30, "the message is a sentence"
    return caught.value.reason


def photo(width: int = 320, height: int = 240) -> Image.Image:
    """A smooth picture, different in every corner: dark, red, green, light."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1)
    return Image.fromarray(np.stack([red, green, (red + green) / 3], axis=-1).astype(np.uint8))


def encode(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference of two pictures of one size, 0 to 255."""
    assert a.size == b.size, (a.size, b.size)
    return float(np.abs(np.asarray(a.convert("RGB"), float) - np.asarray(b.convert("RGB"), float)).mean())


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    """The PNG with one more chunk, after IHDR."""
    return png[:33] + chunk(name, data) + png[33:]


def png_claiming(width: int, height: int) -> bytes:
    """A PNG header of any size, with a body of about 100 bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def gif_of(frames: int, width: int = 200, height: int = 200) -> bytes:
    """One GIF frame, repeated; each is decodable."""
    one = encode(photo(width, height).quantize(16), "GIF")
    start = one.index(b"\x2c" + struct.pack("<HHHH", 0, 0, width, height))
    return one[:start] + one[start:-1] * frames + b";"


def tiff_of(pages: int) -> bytes:
    """A picture and `pages` - 1 further directories of one entry."""
    first = encode(Image.new("L", (40, 30), 99), "TIFF")
    (at,) = struct.unpack_from("<I", first, 4)
    (entries,) = struct.unpack_from("<H", first, at)
    link, parts, offset = at + 2 + 12 * entries, [], len(first)
    for index in range(pages - 1):
        following = offset + 18 if index < pages - 2 else 0
        parts.append(struct.pack("<HHHIII", 1, 256, 4, 1, 8, following))
        offset += 18
    start = len(first) if pages > 1 else 0
    return first[:link] + struct.pack("<I", start) + first[link + 4 :] + b"".join(parts)


def tiff_of_samples(samples: bytes, width: int, height: int, bits: int, sample_format: int, order: str = "<") -> bytes:
    """One uncompressed strip of one channel; `sample_format` 1 is unsigned, 2 signed, 3 float; `order` is < or >."""
    short, long = 3, 4
    entries = [
        (256, long, width),
        (257, long, height),
        (258, short, bits),
        (259, short, 1),
        (262, short, 1),
        (273, long, 8),
        (277, short, 1),
        (278, long, height),
        (279, long, len(samples)),
        (339, short, sample_format),
    ]
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack(order + ("HHIHxx" if kind == short else "HHII"), tag, kind, 1, value)
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(samples))
    return start + samples + directory + bytes(4)


def without_adobe_marker(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def naive_cmyk(rgb: np.ndarray) -> np.ndarray:
    """RGB 0 to 255 -> CMYK with full black replacement."""
    cmy = 255.0 - rgb
    black = cmy.min(axis=-1, keepdims=True)
    scaled = 255 * (cmy - black) / np.maximum(255 - black, 1)
    return np.concatenate([scaled, black], axis=-1).round().astype(np.uint8)


def wide_gamut_icc() -> bytes:
    """An RGB matrix profile whose green is far outside sRGB (Adobe RGB's primaries, gamma 2.2)."""
    primaries = {
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + bytes(2)  # u8Fixed8: 2.2
    tags = {name: b"XYZ " + bytes(4) + b"".join(map(_s15, xyz)) for name, xyz in primaries.items()}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve, b"wtpt": b"XYZ " + bytes(4) + _d50()}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def swapped_cmyk_icc() -> bytes:
    """A CMYK printer profile whose cyan and yellow inks are exchanged: nobody passes by ignoring it."""
    steps = 9
    grid = np.stack(np.meshgrid(*[np.linspace(0, 255, steps)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    yellow, magenta, cyan, black = (grid[:, i] for i in range(4))
    rgb = np.stack([(255 - ink) * (255 - black) / 255 for ink in (cyan, magenta, yellow)], axis=-1)
    colours = Image.fromarray(rgb.round().astype(np.uint8)[None])
    lab = ImageCms.profileToProfile(
        colours, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    values = np.asarray(lab).reshape(-1, 3).copy()
    values[:, 1:] += 128  # Pillow holds a and b as signed bytes, the table's are offset
    ramp = bytes(range(256))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + bytes(4) + bytes([4, 3, steps, 0]) + identity + ramp * 4 + values.tobytes() + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table, b"wtpt": b"XYZ " + bytes(4) + _d50()})


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"test\0"
    tags = tags | {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
    }
    at, directory, bodies = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        directory += name + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    size = at + len(bodies)
    header = struct.pack(">I4xI4s4s4s", size, 0x02400000, kind, space, connection)
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _d50() + bytes(48)
    return header + struct.pack(">I", len(tags)) + directory + bodies


def _d50() -> bytes:
    return b"".join(map(_s15, (0.9642, 1.0, 0.8249)))


def _s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def xmp_packet(body: str, before: str = "") -> bytes:
    return (
        f'{before}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def iptc_block(*datasets: tuple[int, bytes]) -> bytes:
    """A Photoshop APP13 segment for a JPEG: datasets of record 2."""
    iptc = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(value)) + value for number, value in datasets)
    body = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def with_segment(jpeg: bytes, segment: bytes) -> bytes:
    return jpeg[:2] + segment + jpeg[2:]

"""Files of a few kB that ask for much, and large ones that are honest; each is valid as far as its format goes.

What repeats is written once: strips and tiles that lie at the same place, deflate blocks between full flushes.
"""

import struct
import zlib
from functools import cache

from tests.pictures.builders import chunk, encode, photo

WIDTH, HEIGHT = 12_240, 12_240
"""149.8 megapixels: just accepted by the limit of pixels."""


def repeated_deflate(block: bytes, times: int) -> bytes:
    """A zlib stream of `block`, `times` over."""
    start = zlib.compressobj(1)
    head = start.compress(b"") + start.flush(zlib.Z_FULL_FLUSH)
    again = zlib.compressobj(9, wbits=-15)
    body = again.compress(block) + again.flush(zlib.Z_FULL_FLUSH)
    checksum, tail = zlib.adler32(b""), zlib.compressobj(9, wbits=-15).flush()
    for _ in range(times):
        checksum = zlib.adler32(block, checksum)
    return head + body * times + tail + checksum.to_bytes(4, "big")


def png(width: int = WIDTH, height: int = HEIGHT, colour: int = 6, bits: int = 8, *, frames: int = 0) -> bytes:
    """Zeros of one colour type (0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA); with frames, an APNG."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes(1 + width * channels * bits // 8)
    rows = 16
    data = repeated_deflate(row * rows, height // rows)
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    control = chunk(b"acTL", struct.pack(">II", frames, 0)) if frames else b""
    frame = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 10, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height // rows * rows, bits, colour, 0, 0, 0))
        + palette
        + control
        + (chunk(b"fcTL", frame) if frames else b"")
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def webp(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """An animation of two small frames on a large canvas."""
    small = encode(photo(16, 16), "WEBP", save_all=True, append_images=[photo(16, 16).rotate(90)])
    at = small.index(b"VP8X") + 12
    return small[:at] + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + small[at + 6 :]


def gif(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A small frame on a large screen."""
    small = encode(photo(16, 16).quantize(16), "GIF")
    return small[:6] + struct.pack("<HH", width, height) + small[10:]


def bmp_of_runs(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """RLE8: each row in runs of 255 pixels."""
    row = (b"\xff\x01" * (width // 255) + bytes([width % 255, 1]) + b"\0\0") * height + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(row), 0, 0, 256, 0)
    at = 14 + len(header) + 1024
    return b"BM" + struct.pack("<IHHI", at + len(row), 0, 0, at) + header + bytes(range(256)) * 4 + row


def jpeg2000(width: int = WIDTH, height: int = HEIGHT, mode: str = "RGB") -> bytes:
    """A small picture whose one tile claims to be large: memory is taken before the first packet is read."""
    small = bytearray(encode(photo(64, 64).convert(mode), "JPEG2000"))
    at = small.index(b"ihdr") + 4
    small[at : at + 8] = struct.pack(">II", height, width)
    at = small.index(b"\xff\x51") + 6
    small[at : at + 8] = struct.pack(">II", width, height)
    small[at + 16 : at + 24] = struct.pack(">II", width, height)
    return bytes(small)


def jpeg_claiming(width: int = WIDTH, height: int = HEIGHT, mode: str = "CMYK") -> bytes:
    """A small progressive JPEG that claims to be large: libjpeg keeps coefficients for every pixel."""
    small = encode(photo(64, 64).convert(mode), "JPEG", progressive=True, subsampling=0)
    at = small.index(b"\xff\xc2") + 5
    return small[:at] + struct.pack(">HH", height, width) + small[at + 4 :]


def jpeg(width: int, height: int) -> bytes:
    """An honest baseline JPEG: one row of blocks, which a restart marker ends, repeated."""
    one = encode(photo(width, 16), "JPEG", subsampling=2, restart_marker_rows=1)
    frame, scan = one.index(b"\xff\xc0") + 5, one.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(one[scan + 2 : scan + 4], "big")
    row, rows = one[start:-2], height // 16
    body = b"".join(row + (b"\xff" + bytes([0xD0 + n % 8]) if n < rows - 1 else b"") for n in range(rows))
    return one[:frame] + struct.pack(">H", rows * 16) + one[frame + 2 : start] + body + b"\xff\xd9"


def tiff(
    width: int = WIDTH,
    height: int = HEIGHT,
    *,
    rows: int = 48,
    tile: tuple[int, int] | None = None,
    bits: int = 8,
    samples: int = 3,
    sample_format: int = 1,
    compression: int = 8,
) -> bytes:
    """Deflated zeros in strips of `rows`, or in tiles; all of them lie at one place of the file."""
    block_width, block_height = tile or (width, rows)
    blocks = -(-width // block_width) * -(-height // block_height)
    row = block_width * samples * bits // 8
    lines = next(n for n in (16, 8, 4, 2, 1) if block_height % n == 0)
    data = repeated_deflate(bytes(row * lines), block_height // lines) if compression == 8 else bytes(100)
    short, long = 3, 4
    at_data = 8
    at_lists = at_data + len(data) + len(data) % 2
    bits_list = struct.pack(f"<{samples}H", *[bits] * samples)
    formats = struct.pack(f"<{samples}H", *[sample_format] * samples)
    lists = bits_list + formats + struct.pack("<I", at_data) * blocks + struct.pack("<I", len(data)) * blocks
    at_formats = at_lists + len(bits_list)
    at_offsets = at_formats + len(formats)
    at_directory = at_lists + len(lists)

    def inline(values: bytes, count: int, size: int, at: int) -> int:
        return int.from_bytes(values[: count * size].ljust(4, b"\0"), "little") if count * size <= 4 else at

    offsets = struct.pack("<I", at_data)
    counts = struct.pack("<I", len(data))
    entries = [
        (256, long, 1, width),
        (257, long, 1, height),
        (258, short, samples, inline(bits_list, samples, 2, at_lists)),
        (259, short, 1, compression),
        (262, short, 1, 2 if samples >= 3 else 1),
        *([] if tile else [(273, long, blocks, inline(offsets, blocks, 4, at_offsets))]),
        (277, short, 1, samples),
        *(
            []
            if tile
            else [(278, long, 1, rows), (279, long, blocks, inline(counts, blocks, 4, at_offsets + 4 * blocks))]
        ),
        *([(322, long, 1, block_width), (323, long, 1, block_height)] if tile else []),
        *([(324, long, blocks, inline(offsets, blocks, 4, at_offsets))] if tile else []),
        *([(325, long, blocks, inline(counts, blocks, 4, at_offsets + 4 * blocks))] if tile else []),
        (339, short, samples, inline(formats, samples, 2, at_formats)),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", at_directory) + data + bytes(len(data) % 2) + lists + directory


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def full_box(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


@cache
def grid(format_name: str, columns: int, rows: int, cell: int = 512) -> bytes:
    """An AVIF or HEIF whose picture is a grid of `columns` x `rows` cells (ISO 23008-12, 6.6.2.3), as phones write it.

    All cells are items of their own whose data lie at one place.
    """
    one = encode(photo(cell, cell), format_name, quality=60)
    codec, config = (b"av01", b"av1C") if format_name == "AVIF" else (b"hvc1", b"hvcC")
    at = one.index(config) - 4
    properties = one[at : at + int.from_bytes(one[at : at + 4], "big")]
    at = one.index(b"mdat") - 4
    picture = one[at + 8 : at + int.from_bytes(one[at : at + 4], "big")]
    cells = columns * rows
    width, height = columns * cell, rows * cell
    derived = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)
    brand = b"avif" if format_name == "AVIF" else b"heic"
    kinds = [(1, b"grid"), *((n, codec) for n in range(2, cells + 2))]
    infos = [full_box(b"infe", 2, int(n > 1), struct.pack(">HH4s", n, 0, kind), b"\0") for n, kind in kinds]  # hidden
    pixi = full_box(b"pixi", 0, 0, bytes([3, 8, 8, 8]))
    shared = box(
        b"ipco",
        full_box(b"ispe", 0, 0, struct.pack(">II", width, height)),
        full_box(b"ispe", 0, 0, struct.pack(">II", cell, cell)),
        properties,
        pixi,
    )
    owns = struct.pack(">HB2B", 1, 2, 1, 4) + b"".join(
        struct.pack(">HB3B", n, 3, 2, 0x83, 4) for n in range(2, cells + 2)
    )
    links = full_box(b"iref", 0, 0, box(b"dimg", struct.pack(f">HH{cells}H", 1, cells, *range(2, cells + 2))))

    def meta(at_data: int) -> bytes:
        places = [(1, at_data, len(derived))]
        places += [(n, at_data + len(derived), len(picture)) for n in range(2, cells + 2)]
        iloc = full_box(
            b"iloc",
            0,
            0,
            struct.pack(">BBH", 0x44, 0, len(places)),
            *(struct.pack(">HHHII", n, 0, 1, offset, length) for n, offset, length in places),
        )
        return full_box(
            b"meta",
            0,
            0,
            full_box(b"hdlr", 0, 0, struct.pack(">I4s12s", 0, b"pict", b""), b"\0"),
            full_box(b"pitm", 0, 0, struct.pack(">H", 1)),
            iloc,
            full_box(b"iinf", 0, 0, struct.pack(">H", len(infos)), *infos),
            links,
            box(b"iprp", shared, full_box(b"ipma", 0, 0, struct.pack(">I", cells + 1), owns)),
        )

    start = box(b"ftyp", brand, bytes(4), brand, b"mif1", b"miaf")
    at_data = len(start) + len(meta(0)) + 8
    return start + meta(at_data) + box(b"mdat", derived, picture)

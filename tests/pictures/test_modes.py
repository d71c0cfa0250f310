"""open_image: the pixels that come out, whatever mode, depth, profile and orientation they are stored in."""

import random
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from errors import PictureError
from tests.pictures.builders import (
    chunk,
    difference,
    encode,
    naive_cmyk,
    opened,
    photo,
    swapped_cmyk_icc,
    tiff_of_samples,
    wide_gamut_icc,
    without_adobe_marker,
)

ORIENTATION = 0x0112


@pytest.mark.parametrize("adobe", [True, False])
def test_row_10_cmyk_with_and_without_adobes_marker(adobe: bool) -> None:
    """Adobe's CMYK is stored inverted and marked so; without the marker the numbers are as they stand."""
    cmyk = naive_cmyk(np.asarray(photo(), float))
    data = encode(Image.fromarray(cmyk if adobe else 255 - cmyk, "CMYK"), "JPEG", quality=95)
    data = data if adobe else without_adobe_marker(data)
    assert difference(opened(data, side=500).image, photo()) < 12


def test_row_10_cmyk_with_its_printers_profile() -> None:
    """The embedded profile decides: here it exchanges cyan and yellow, so the numbers are those of swapped inks."""
    cmyk = naive_cmyk(np.asarray(photo(), float))[..., [2, 1, 0, 3]]
    data = encode(
        Image.fromarray(np.ascontiguousarray(cmyk), "CMYK"), "JPEG", quality=95, icc_profile=swapped_cmyk_icc()
    )
    assert difference(opened(data, side=500).image, photo()) < 12
    plain = encode(Image.fromarray(np.ascontiguousarray(cmyk), "CMYK"), "JPEG", quality=95)
    assert difference(opened(plain, side=500).image, photo()) > 30, "without the profile the colours are wrong"


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_row_11_sixteen_bit_grey_is_scaled_not_clipped(format_name: str) -> None:
    """A ramp over all 65,536 greys keeps the order and the place of every one: clipped, most would be white; wrapped
    round, the mean would be right and the picture a saw."""
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    expect_ramp(opened(encode(Image.fromarray(ramp), format_name), side=500).image, ramp / 65_535)


def expect_ramp(image: Image.Image, shares: np.ndarray) -> None:
    """Every pixel is grey, and as light as its share of white, to one step of 255."""
    pixels = np.asarray(image).astype(float)
    assert pixels.shape == (*shares.shape, 3)
    assert (pixels == pixels[..., :1]).all()
    assert np.abs(pixels[..., 0] - shares * 255).max() <= 1


SIXTEEN = np.arange(65_536, dtype=np.uint16).reshape(256, 256)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("kind", ["unsigned", "signed", "32 bits", "float 32", "float 64"])
def test_row_11_tiffs_of_many_bits_in_both_byte_orders(order: str, kind: str) -> None:
    """What Pillow calls I;16, I;16B, I;16S, I;32 and F; in a file written byte by byte."""
    values, bits, sample_format = {
        "unsigned": (SIXTEEN, 16, 1),
        "signed": ((SIXTEEN // 2).astype(np.int16), 16, 2),
        "32 bits": (SIXTEEN.astype(np.uint32) * 30_000, 32, 1),
        "float 32": ((SIXTEEN / 65_535).astype(np.float32), 32, 3),
        "float 64": ((SIXTEEN / 65_535).astype(np.float64), 64, 3),
    }[kind]
    sign = "<" if order == "little" else ">"
    data = tiff_of_samples(
        values.astype(values.dtype.newbyteorder(sign)).tobytes(), 256, 256, bits, sample_format, sign
    )
    if bits == 64 or (kind, order) == ("32 bits", "big"):  # Pillow lacks them
        with pytest.raises(PictureError, match=rf"1 x {bits} bits, sample format .* cannot be decoded here; convert"):
            opened(data)
        return
    expect_ramp(opened(data, side=500).image, values / values.max() if kind != "signed" else values / 65_535)


def test_row_11_a_ramp_made_smaller_is_a_ramp() -> None:
    """Also after it was shrunk: rows become lighter from the first to the last, nowhere darker."""
    ramp = np.repeat(np.arange(4096, dtype=np.uint16)[:, None] * 16, 64, axis=1)
    rows = np.asarray(opened(encode(Image.fromarray(ramp), "PNG"), side=8).image)[:, 0, 0].astype(int)
    assert len(rows) == 1024 and (np.diff(rows) >= 0).all() and rows[0] <= 1 and rows[-1] >= 254


def test_row_11_sixteen_bit_colours_are_scaled() -> None:
    """RGB of 16 bits, which Pillow reads by the upper half."""
    rows = b"".join(b"\0" + b"".join(int(v).to_bytes(2, "big") * 3 for v in row) for row in SIXTEEN)
    header = chunk(b"IHDR", (256).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0]))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    expect_ramp(opened(data, side=500).image, SIXTEEN / 65_535)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.linspace(0, 1, 65_536, dtype=np.float32), None),
        (np.linspace(0, 255, 65_536, dtype=np.float32), None),
        (np.linspace(0, 65_535, 65_536, dtype=np.float32), None),
        (np.linspace(-1e30, 1e30, 65_536, dtype=np.float32), None),
        (np.linspace(0, 4_000_000, 65_536).astype(np.int32), None),
        (np.full(65_536, np.nan, dtype=np.float32), 0),
        (np.full(65_536, 7.0, dtype=np.float32), 7),
    ],
)
def test_row_11_floats_and_long_integers_use_their_range(values: np.ndarray, expected: int | None) -> None:
    """0..1, 0..255 and 0..65535 are taken as such, anything else from its least to its greatest value; None: a ramp."""
    image = opened(encode(Image.fromarray(values.reshape(256, 256)), "TIFF"), side=500).image
    shares = np.linspace(0, 1, 65_536) if expected is None else np.full(65_536, expected / 255)
    expect_ramp(image, shares.reshape(256, 256))


def test_row_12_transparency_is_composited_on_white() -> None:
    """Fully transparent noise is white in every mode that has alpha; opaque pixels keep their colour."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (50, 60, 4), dtype=np.uint8)
    noise[..., 3] = 0
    grey = np.ascontiguousarray(noise[..., [0, 3]])
    palette = Image.fromarray(noise[..., 0]).convert("P")
    for image, options in [
        (Image.fromarray(noise), {}),
        (Image.fromarray(grey, "LA"), {}),
        (palette, {"transparency": bytes(256)}),
        (Image.new("RGB", (60, 50), (1, 2, 3)), {"transparency": (1, 2, 3)}),
        (Image.new("L", (60, 50), 7), {"transparency": 7}),
    ]:
        for side in (500, 10):
            assert np.asarray(opened(encode(image, "PNG", **options), side=side).image).min() == 255, image.mode
    half = Image.new("RGBA", (60, 50), (255, 0, 0, 128))
    assert np.abs(np.asarray(opened(encode(half, "PNG")).image)[0, 0].astype(int) - (255, 127, 127)).max() <= 1
    red_beside_hidden_green = np.zeros((64, 64, 4), np.uint8)
    red_beside_hidden_green[:, ::2] = (255, 0, 0, 255)
    red_beside_hidden_green[:, 1::2] = (0, 255, 0, 0)
    shrunk = np.asarray(opened(encode(Image.fromarray(red_beside_hidden_green), "PNG"), side=8).image)
    assert shrunk[..., 0].min() > 250, "the hidden green must not bleed into what is seen"


def test_other_modes_are_decoded() -> None:
    """1-bit, LAB, YCbCr, PA, LA and 16-bit RGB."""
    assert opened(encode(photo().convert("1"), "PNG")).image.getpixel((0, 0)) == (0, 0, 0)
    lab = ImageCms.profileToProfile(
        photo(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert difference(opened(encode(lab, "TIFF"), side=500).image, photo()) < 8
    assert difference(opened(encode(photo().convert("YCbCr"), "TIFF"), side=500).image, photo()) < 3
    header = chunk(b"IHDR", (2).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0]))
    rows = (b"\0" + b"\x80\x00\xff\xff\x00\x00" * 2) * 2
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert opened(data).image.getpixel((1, 1)) == (128, 255, 0)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_row_13_all_eight_orientations_are_upright(format_name: str) -> None:
    """One picture stored in eight ways is the same picture, of the same size, also in the facts."""
    inverse = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    for orientation, method in inverse.items():
        stored = photo() if method is None else photo().transpose(Image.Transpose(method))
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options: dict[str, object] = {"exif": exif.tobytes(), "quality": 95}  # pillow-heif makes a HEIF property of it
        if format_name == "TIFF":
            options = {"tiffinfo": {ORIENTATION: orientation}}
        result = opened(encode(stored, format_name, **options))
        assert (result.facts.width, result.facts.height) == (320, 240), orientation
        assert difference(result.image, photo().resize((171, 128), Image.Resampling.BICUBIC)) < 6, orientation


def test_row_14_broken_exif_costs_no_picture() -> None:
    """Whatever stands in the EXIF block, the picture is decoded and whole."""
    rng = random.Random(14)
    for block in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + rng.randbytes(60_000)):
        result = opened(encode(photo(), "JPEG", exif=block))
        assert not result.facts.truncated and result.facts.camera == ""


def test_row_15_a_wide_gamut_is_converted_and_a_broken_profile_ignored() -> None:
    """Adobe RGB's mid green is a stronger green in sRGB; a profile of garbage or of another mode changes nothing."""
    green = Image.new("RGB", (40, 40), (100, 180, 100))
    plain = opened(encode(green, "PNG")).image.getpixel((5, 5))
    wide = opened(encode(green, "PNG", icc_profile=wide_gamut_icc())).image.getpixel((5, 5))
    assert plain == (100, 180, 100)
    assert wide[0] < 75 and abs(wide[1] - 181) < 6, wide
    for broken in (b"garbage", wide_gamut_icc()[:200], swapped_cmyk_icc()):
        assert opened(encode(green, "PNG", icc_profile=broken)).image.getpixel((5, 5)) == plain
    grey = encode(Image.new("L", (40, 40), 90), "PNG", icc_profile=wide_gamut_icc())
    assert opened(grey).image.getpixel((5, 5)) == (90, 90, 90)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert opened(encode(green, "PNG", icc_profile=srgb)).image.getpixel((5, 5)) == plain

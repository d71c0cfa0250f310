"""What a picture may cost before it is refused: bytes read, pixels, decoded memory, processor time."""

from dataclasses import dataclass

_MB_OF_AS_MUCH_TIME_AGAIN = 16
"""A file of this many MB may take twice `max_decode_s`. Photographs in HEIF and lossless JPEG 2000 take 0.2 s a MB
(measured on 12 megapixels with noise), and 48 megapixels of them are no attack."""


@dataclass(frozen=True)
class Limits:
    """Bounds for one file. A megapixel is 1,000,000 pixels, a megabyte 1,000,000 bytes."""

    max_megapixels: float = 150
    max_file_mb: float = 512
    max_decoded_mb: float = 1500
    """Memory that decoding may take: one picture is refused above it, several at once wait for each other."""
    max_decode_s: float = 5
    """Processor time for a picture of a few bytes; see `decode_s`."""

    def decode_s(self, size: int) -> float:
        """Return the processor time in seconds that a file of `size` bytes may take."""
        return self.max_decode_s * (1 + size / 1e6 / _MB_OF_AS_MUCH_TIME_AGAIN)

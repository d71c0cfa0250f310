"""Why a picture cannot be used. Knows no file format."""


class PictureError(ValueError):
    """One picture cannot be used; the message is a sentence with the values and the remedy, `reason` a short code.

    Reasons: `empty`, `unidentified`, `unsupported` (a kind of its format), `too_large` (pixels, decoded memory),
    `too_heavy` (bytes), `too_slow` (processor time), `corrupt`, `crashed` (the decoder), `unreadable`, `vanished`,
    `changed` (while it was being read).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

"""Why a picture cannot be used. Knows no file format."""


class PictureError(ValueError):
    """One picture cannot be used; the message is a sentence with the values and the remedy, `reason` a short code.

    Reasons: `empty`, `unidentified`, `too_large` (pixels), `too_heavy` (bytes), `corrupt`, `unreadable`, `vanished`,
    `changed` (while it was being read).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

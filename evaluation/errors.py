"""What keeps a space from being judged. Knows no file and no model."""


class EvaluationError(Exception):
    """Something cannot be judged; the message says what was found and what to do. Entry points exit with 2."""

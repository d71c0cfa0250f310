"""What training cannot do, as named errors. Each message says what happened, with what value, and what to do."""


class TrainingError(Exception):
    """Training cannot start, go on or be resumed. Entry points exit with 2."""


class CannotWrite(TrainingError):
    """A file could not be written; the ones before it are whole."""


class NotFinite(TrainingError):
    """The loss or its gradient is NaN or infinite; the last checkpoint is whole."""


class OtherCheckpoint(TrainingError):
    """The checkpoint found belongs to another plan, other data or another model."""

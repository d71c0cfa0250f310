"""What stops an ingest before it starts. What goes wrong with single files is in the report instead."""


class IngestError(Exception):
    """The message is a sentence that says what to do."""


class IngestBusy(IngestError):
    """Another process fills the same library."""

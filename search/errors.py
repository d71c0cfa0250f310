"""What can be wrong with a question.

SearchError
└── QueryError          the question cannot be asked as it stands
    └── FilterError     one of its conditions cannot be read

That Weaviate did not answer is `schema.errors.Unreachable`.
"""


class SearchError(Exception):
    """A search could not be answered; the message is a sentence for the person who asked."""


class QueryError(SearchError, ValueError):
    """The question cannot be asked as it stands; the message says what was wrong, with its value, and what to do."""


class FilterError(QueryError):
    """A condition cannot be read; the message holds it and an example of what can."""

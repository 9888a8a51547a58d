"""The errors of the pipeline: one line each, what was found, where, and what to do. Commands exit 1 on them."""


class KneetrackError(Exception):
    """Base of the errors that a command shows as one line."""


class BadInputError(KneetrackError):
    """A file that is missing, empty, foreign, truncated or does not hold what it should."""


class NewerSchemaError(BadInputError):
    """A recording or profile written by a newer version of kneetrack."""

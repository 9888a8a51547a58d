"""The errors of calibration: one line each, what was found, where, and what to do."""


class CalibrationError(Exception):
    """A saved calibration that cannot be read, or data from which none can be made."""

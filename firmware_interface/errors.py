"""The errors of the sensor side: one line each, what was found, where, and what to do."""


class SensorError(Exception):
    """Base of everything that goes wrong between the radio and the samples."""


class UnknownDriverError(SensorError):
    """A recording or a command names a driver that does not exist."""


class RadioError(SensorError):
    """The Bluetooth adapter is missing, off, or refuses to work."""


class SensorSilentError(SensorError):
    """A sensor was found but never delivered data."""


class RefusedError(SensorError):
    """A sensor said that it cannot be set up as asked."""


class DriverFileError(SensorError):
    """A file that describes a sensor cannot be read as one."""

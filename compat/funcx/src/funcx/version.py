"""The version of this package, not of the funcX whose interface it has."""

__version__ = "0.1.0"
VERSION = __version__

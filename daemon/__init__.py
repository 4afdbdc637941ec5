"""The machine: time, folders, store, workers, outbox, command line. It knows no marketplace, command or file format."""

__version__ = "0.7.1"

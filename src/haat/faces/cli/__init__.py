"""The command line. One file per group of commands; each parses, calls a flow or a question, and prints plainly."""

from haat.faces.cli.house import House, Runtime
from haat.faces.cli.root import main

__all__ = ["House", "Runtime", "main"]

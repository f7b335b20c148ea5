"""`python -m haat` is `haat`."""

from haat.app import main

main()

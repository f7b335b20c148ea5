"""The verbs of fulfilment, one file for each thing that is written. They take `tx` and many, and never commit."""

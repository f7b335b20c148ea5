"""The questions of fulfilment, one file for each thing that is asked about."""

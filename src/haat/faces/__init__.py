"""Floor 4: who speaks with the outside: the API, the command line, the worker. A face parses, asks one flow or question, answers."""

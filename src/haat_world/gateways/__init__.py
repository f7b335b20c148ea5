"""Payment gateways as they speak on the wire. One file each: its operations, and nothing that another one shares but the books.

Each file offers `operations(world) -> list[Operation]` and `connection(url) -> Connection`, how Haat is told to reach it.
"""

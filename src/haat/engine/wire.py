"""The HTTP protocol of a server's sockets: uvicorn's on httptools, except that what is no HTTP at all is told as a problem, too."""

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from haat.engine import problems


class Wire(HttpToolsProtocol):
    """One connection. Give it to `uvicorn.Config(http=Wire)`."""

    def send_400_response(self, msg: str) -> None:
        """The answer to bytes that cannot be parsed; the connection ends with it, since nobody knows where the next request begins."""
        body = msgspec.json.encode(problems.problem(400, "malformed_http", msg))
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (problems.CONTENT_TYPE, len(body)) + body)
        self.transport.close()

"""A web server on 127.0.0.1 that knows byte ranges and can break off a transfer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Serves ``content`` under any name, and remembers what it was asked for.

    Args:
        content: the bytes of the file.
        break_after: bytes after which each transfer is cut; one number per request, then none.
        ranges: whether ``Range`` is honoured.
        status: answer every request with this error instead; one number per request, then none.
    """

    content: bytes
    break_after: list[int] = field(default_factory=list)
    ranges: bool = True
    status: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    bytes_sent: int = 0
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.requests.append((request.path, wanted))
        if self.status:
            request.send_error(self.status.pop(0))
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        body = self.content[start:]
        request.send_response(206 if wanted and self.ranges else 200)
        request.send_header("Content-Length", str(len(body)))
        if wanted and self.ranges:
            total = len(self.content)
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        request.end_headers()
        if self.break_after:
            body = body[: self.break_after.pop(0)]
        self.bytes_sent += len(body)
        request.wfile.write(body)


@contextmanager
def serve(server: FileServer) -> Iterator[FileServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http://127.0.0.1:{web.server_port}/files"
        try:
            yield server
        finally:
            web.shutdown()
            thread.join()

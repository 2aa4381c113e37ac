"""Just enough HTTP to ask masters and to load them, without taking much of the machine from them."""

import json
import selectors
import socket
import time
from dataclasses import dataclass, field

from interop.processes import Failure


class Connection:
    """A connection to loopback that is kept from one call to the next."""

    def __init__(self, port, timeout):
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = bytearray()

    def fileno(self):
        return self.socket.fileno()

    def send(self, request):
        self.read.clear()
        self.socket.sendall(request)

    def receive(self):
        """Takes what is there; the body, once the answer is whole."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError(f"the master at port {self.port} closed the connection in the middle of an answer")
        self.read += part
        head, found, rest = self.read.partition(b"\r\n\r\n")
        if not found:
            return None
        fields = dict(line.lower().split(b":", 1) for line in bytes(head).split(b"\r\n")[1:])
        if fields.get(b"transfer-encoding", b"").strip() == b"chunked":
            return unchunked(rest)
        length = int(fields.get(b"content-length", b"0"))
        return bytes(rest) if len(rest) >= length else None

    def call(self, request):
        self.send(request)
        while True:
            body = self.receive()
            if body is not None:
                return body

    def close(self):
        self.socket.close()


def unchunked(rest):
    """The body in these chunks; None if the last one is not there yet."""
    if not rest.endswith(b"0\r\n\r\n"):
        return None
    body, at = bytearray(), 0
    while True:
        line = rest.find(b"\r\n", at)
        size = int(rest[at:line], 16) if line >= 0 else None
        if size is None or line + 4 + size > len(rest):
            return None
        if size == 0:
            return bytes(body)
        body += rest[line + 2 : line + 2 + size]
        at = line + 4 + size


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path, what):
    body = json.dumps(what).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ask(port, path, timeout=10):
    """What a master answers, from JSON."""
    connection = Connection(port, timeout)
    try:
        return json.loads(connection.call(get(path)))
    finally:
        connection.close()


@dataclass
class Submitted:
    """What came of submissions."""

    seconds: float = 0.0
    ids: list = field(default_factory=list)
    # Seconds that each took, in the order of their answers.
    took: list = field(default_factory=list)

    def rate(self):
        return len(self.ids) / self.seconds


def submit(port, request, count, connections, timeout=60):
    """Has `count` drivers submitted over so many connections, each of which waits for its answer before the next."""
    done = Submitted()
    begun = {}
    left = count
    lines = [Connection(port, timeout) for _ in range(min(connections, count))]
    try:
        with selectors.DefaultSelector() as selector:
            start = time.monotonic()
            for line in lines:
                selector.register(line, selectors.EVENT_READ)
                begun[line] = time.monotonic()
                line.send(request)
                left -= 1
            while len(done.ids) < count:
                ready = selector.select(timeout)
                if not ready:
                    raise Failure(f"no submission was answered for {timeout} s, after {len(done.ids)}")
                for key, _ in ready:
                    line = key.fileobj
                    body = line.receive()
                    if body is None:
                        continue
                    now = time.monotonic()
                    done.took.append(now - begun[line])
                    done.ids.append(accepted(body))
                    if left:
                        left -= 1
                        begun[line] = now
                        line.send(request)
            done.seconds = time.monotonic() - start
    except OSError as error:
        raise Failure(f"submitting failed after {len(done.ids)} of {count}: {error}") from None
    finally:
        for line in lines:
            line.close()
    return done


def accepted(body):
    """The id of the driver that was accepted."""
    try:
        answer = json.loads(body)
        if answer["success"]:
            return answer["submissionId"]
    except (ValueError, KeyError):
        pass
    raise Failure(f"a submission was answered: {body[:300].decode(errors='replace')}")

"""Show that `nmt serve` survives what clients send: malformed requests, crowds, and connections that stay silent.

    python tools/trust/server.py --model RUN [--count 1000] [--clients 50] [--silent 300] [--seed 1]

Starts a server. Each malformed request is made from a seed: a good request with bytes changed, removed or repeated, or
one with a header, a path or a body from lists of known trouble. It must be answered within the limit of time, by a
status of 2xx to 4xx, and a refusal must be JSON with a reason. Only where the head of a request does not end may the
connection close without an answer. Then many clients translate at once, each of which must get its translation or
status 503, and then connections are opened that send nothing. When the server has hung up on those, it must translate
as before, and its log must have no traceback. The last line has the counts; the exit code is 1 if anything failed.
"""

import argparse
import json
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

TIMEOUT = 30  # seconds in which a request must be answered; the server gives up after 10 to 20
NUMBERS = ["-1", "0", "1e999", "9" * 20, "9" * 5000, "1.5", "NaN", "true", "null", '"1"', "[]", "{}"]
TEXTS = ["", " ", "a" * 5000, "\\ud800", "\\udfff\\ud800", "\\u0000", "\\u202e", "\\uffff", "ß" * 999, '"', "\\", "\n"]
HEADERS = [
    *(
        f"Origin: {value}"
        for value in ("http://[", "http://]", "null", "", "://", "http://[::1", "ftp://x", "\xff", "a" * 9000)
    ),
    *(
        f"Host: {value}"
        for value in ("[", "]", "", "evil.example", "localhost:x", "[::1", "\xff", "localhost\t", "a" * 9000)
    ),
    *(f"Content-Length: {value}" for value in ("-1", "x", "", "1, 2", "9" * 20, "9" * 5000, "0x10", "1e3", "+5")),
    *(f"Content-Type: {value}" for value in ("", "text/xml", ";", "application/json; charset=utf-16", "\xff")),
    *(f"Transfer-Encoding: {value}" for value in ("chunked", "gzip", "chunked, chunked", "", "identity")),
    *("Expect: 100-continue", "Upgrade: h2c", "Connection: close", "Content-Encoding: gzip", "Cookie: \x00", ":", "X"),
]
PATHS = [
    "/",
    "//",
    "*",
    "/api",
    "/api/translate/",
    "/api/%ff",
    "http://[/",
    "/../../etc/passwd",
    "/" + "a" * 70_000,
    "",
    "\xff",
]
METHODS = ["GET", "PUT", "HEAD", "DELETE", "CONNECT", "TRACE", "post", "", "\x16\x03\x01"]


PIECES = [
    "<b>",
    "</b>",
    "<p>",
    "<!--",
    "-->",
    "<script>",
    '<a b="',
    "<![CDATA[",
    "&#xfffffff;",
    "&",
    "<",
    "a ",
    "ß. ",
    "\0",
]
FORMATS = ["html", "html", "html", "markdown", "xml", "text", "sentence", "HTML", "docx", None, 1, ["html"]]
TERMS = [[], [{}], "a", [{"source": "a", "target": "b"}] * 501, [{"source": "a", "target": "b", "case": "x"}]]
TERMS += [[{"source": source, "target": "b" * 90}] for source in ("", "a", "\0", "a" * 101, "ß", None)]


def make_document(random_numbers: random.Random) -> bytes:
    """A request for documents, of broken markup or with wrong fields."""
    pick = random_numbers.choice
    text = "".join(pick(PIECES) * pick([1, 1, 3, 200]) for _ in range(random_numbers.randrange(20)))
    fields: dict[str, object] = {"source": pick([text, text, [text, "a"], [1], {}, None]), "format": pick(FORMATS)}
    fields |= {"glossary": pick(TERMS)} if random_numbers.random() < 0.5 else {}
    fields |= (
        {"keep": pick([["numbers"], ["(a+)+$"], "urls", [1], ["emails"] * 11])} if random_numbers.random() < 0.3 else {}
    )
    fields |= {"model": pick([0, 1, -1, "a"])} if random_numbers.random() < 0.2 else {}
    return json.dumps(fields).encode()


def make_body(random_numbers: random.Random) -> bytes:
    """The body of a request, which is seldom one that is accepted."""
    pick = random_numbers.choice
    form = random_numbers.randrange(9)
    if form > 5:
        return make_document(random_numbers)
    if form == 0:
        return (
            pick(["[", '{"source":', '{"source": "a", "x": [']) * random_numbers.choice([10, 5000, 100_000])
        ).encode()
    if form == 1:
        return bytes(random_numbers.randrange(256) for _ in range(random_numbers.randrange(60)))
    if form == 2:
        return f'{{"source": "{pick(TEXTS)}", "n_best": {pick(NUMBERS)}}}'.encode()
    if form == 3:
        return f'{{"source": {pick(NUMBERS)}, "target": "{pick(TEXTS)}", "{pick(TEXTS)}": 1}}'.encode()
    if form == 4:
        return json.dumps({"source": "a", **{f"key {number}": number for number in range(50)}}).encode("utf-16")
    return json.dumps({"source": "a\xad b", "n_best": random_numbers.randrange(25)}).encode()


def make_request(random_numbers: random.Random) -> bytes:
    """A request with something wrong. Bytes are changed in a third of them."""
    pick = random_numbers.choice
    method = "POST" if random_numbers.random() < 0.8 else pick(METHODS)
    path = pick(["/api/translate", "/api/align"]) if random_numbers.random() < 0.8 else pick(PATHS)
    body = make_body(random_numbers)
    headers = ["Host: localhost"] * random_numbers.choice([1, 1, 1, 1, 0, 2])
    headers += [f"Content-Length: {len(body)}"] * random_numbers.choice([1, 1, 1, 1, 1, 0, 2])
    headers += random_numbers.sample(HEADERS, random_numbers.choice([0, 0, 1, 1, 2]))
    random_numbers.shuffle(headers)
    lines = [f"{method} {path} HTTP/{pick(['1.1'] * 8 + ['1.0', '9.9', ''])}", *headers, "", ""]
    content = bytearray("\r\n".join(lines).encode("latin-1") + body)
    if random_numbers.random() < 0.3:
        for _ in range(random_numbers.randrange(1, 5)):
            place = random_numbers.randrange(len(content))
            content[place : place + pick([0, 1, 1, 5])] = bytes(
                random_numbers.randrange(256) for _ in range(pick([0, 1, 3]))
            )
    return bytes(content)


def send(port: int, content: bytes) -> bytes:
    """Send bytes. -> what is answered, or b"hang" when the server neither answers nor closes the connection"""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        answer = bytearray()
        with suppress(ConnectionError):  # the server may refuse before it has read everything
            connection.sendall(content)
        try:
            with suppress(ConnectionError):
                while not is_complete(answer) and (part := connection.recv(65_536)):
                    answer += part
        except TimeoutError:
            return b"hang"
    return bytes(answer)


def is_complete(answer: bytes) -> bool:
    """Whether an answer has the content that its head announces."""
    head, separator, content = bytes(answer).partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        return is_complete(content)
    length = re.search(rb"content-length: ([0-9]+)", head)
    return bool(separator) and length is not None and len(content) >= int(length[1])


def judge(answer: bytes, has_head: bool = True) -> str:
    """What an answer is: "answered", "refused", or the name of a failure. `has_head`: the head of the request ended."""
    if answer == b"hang":
        return "hang"
    if not answer:
        return "closed without an answer" if has_head else "refused"
    if answer.startswith(b"HTTP/1.1 100"):
        answer = answer.partition(b"\r\n\r\n")[2]
    head, _, content = answer.partition(b"\r\n\r\n")
    if length := re.search(rb"content-length: ([0-9]+)", head):
        content = content[: int(length[1])]  # what follows answers the rest, which was taken for another request
    status = int(head.split(b" ")[1])
    if 200 <= status < 400:
        return "answered"
    if not 400 <= status < 500:
        return f"status {status}"
    if content.startswith(b"HTTP/1.1"):
        content = b""  # the answer to HEAD has none, and another one follows
    try:
        return "refused" if not content or json.loads(content).keys() == {"error"} else "refused without a reason"
    except ValueError:
        return "refused without JSON"


def translate(port: int, text: str) -> str:
    """The translation of a text, or the status of the refusal."""
    body = json.dumps({"source": text}).encode()
    head = f"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    answer = send(port, head + body)
    verdict = judge(answer)
    if verdict != "answered":
        return "busy" if b" 503 " in answer[:20] else verdict
    return "translated" if json.loads(answer.partition(b"\r\n\r\n")[2])["source"] == text else "another's translation"


@contextmanager
def run_server(model: str, log: Path) -> Iterator[int]:
    """A server in a process of its own. -> its port"""
    command = [sys.executable, "-m", "nmt", "serve", "--model", model, "--port", "0"]
    with log.open("w+") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            while not (found := re.search(r":([0-9]+) translates", log.read_text())):
                if process.poll() is not None:
                    sys.exit(log.read_text())
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            yield int(found[1])
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="run folder")
    parser.add_argument("--count", type=int, default=1000, help="malformed requests")
    parser.add_argument("--clients", type=int, default=50, help="clients at once")
    parser.add_argument("--silent", type=int, default=300, help="connections that send nothing")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with run_server(options.model, log) as port:
            found: Counter[str] = Counter()

            def ask(number: int) -> str:
                content = make_request(random.Random(f"{options.seed} {number}"))
                verdict = judge(send(port, content), re.search(rb"\n\r?\n", content) is not None)
                if verdict not in ("answered", "refused"):
                    print(f"request {number}: {verdict}: {content[:200]!r}", flush=True)
                return verdict

            with ThreadPoolExecutor(8) as few:
                found.update(few.map(ask, range(options.count)))
            with ThreadPoolExecutor(options.clients) as many:
                texts = [f"sentence {number}" for number in range(options.clients)]
                crowd = Counter(many.map(lambda text: translate(port, text), texts))
            silent = []
            for _ in range(options.silent):
                with suppress(OSError):
                    silent.append(socket.create_connection(("127.0.0.1", port), TIMEOUT))
            after = translate_patiently(port)
            for connection in silent:
                connection.close()
        _, *tracebacks = log.read_text().split("Traceback (most recent call last):")
    for traceback in tracebacks:
        print("Traceback", *(line for line in traceback.splitlines() if not line.startswith("WARNING")), sep="\n")
    failed = sum(count for verdict, count in found.items() if verdict not in ("answered", "refused"))
    lost = options.clients - crowd["translated"] - crowd["busy"]
    counts = [
        f"{options.count} malformed: {found['refused']} refused, {found['answered']} answered, {failed} failed",
        f"{options.clients} clients at once: {crowd['translated']} translated, {crowd['busy']} refused, {lost} lost",
        f"{options.silent} silent connections, then {after}",
        f"{len(tracebacks)} tracebacks",
    ]
    print("; ".join(counts))
    return int(bool(failed or lost or tracebacks or after != "translated"))


def translate_patiently(port: int) -> str:
    """Translate once; silent connections may fill the server until it hangs up on them."""
    end = time.monotonic() + TIMEOUT
    while (verdict := translate(port, "afterwards")) != "translated" and time.monotonic() < end:
        time.sleep(0.5)
    return verdict


if __name__ == "__main__":
    sys.exit(main())

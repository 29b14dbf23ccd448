"""`nmt serve`: a real process, asked over HTTP and by a browser."""

import asyncio
import base64
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from nmt import Translator
from nmt.cli import serve
from nmt.server import app as application
from nmt.server.answers import answer_request
from nmt.server.jobs import Job, Turns
from nmt.server.schema import Align, Answer, DocumentAnswer, Translate
from nmt.translation.doubts import find_doubts


@contextmanager
def start(*words, program=("-m", "nmt")):
    """A server of ours and the address that it names; it is killed when the block ends."""
    command = [sys.executable, *program, "serve", "--port", 0, *words]
    with subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True) as process:
        try:
            first = process.stderr.readline()
            address = re.match(r"http://(127\.0\.0\.[12]:[0-9]+) translates a to b; Ctrl-C stops it\n$", first)
            assert address, first + process.stderr.read()
            yield process, address[1]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def server(reverser, tmp_path_factory):
    other = tmp_path_factory.mktemp("serve") / "other"
    shutil.copytree(reverser, other)
    with start("--model", reverser, "--model", other, "--max-characters", 40) as (process, address):
        yield address
        process.send_signal(signal.SIGINT)
        *warnings, last = process.stderr.read().splitlines()
        assert (process.wait(60), last) == (0, "stopped")
        assert set(warnings) <= {"WARNING:  Invalid HTTP request received."}


def build_job():
    return Job(Turns(), 60)


def ask(address, method, path, content=None, headers=None):
    """-> status, what was answered"""
    connection = http.client.HTTPConnection(address, timeout=60)
    body = content if content is None or isinstance(content, bytes) else json.dumps(content)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answered = response.read()
    connection.close()
    return response.status, json.loads(answered) if "json" in response.getheader("content-type") else answered.decode()


def test_a_sentence_is_translated_by_every_model(server):
    status, answer = ask(server, "POST", "/api/translate", {"source": " ba  de\nfi ", "n_best": 2})
    assert status == 200
    assert Answer.model_validate(answer).model_dump(mode="json") == answer
    assert answer["source"] == "ba de fi"
    assert [(view["model"], view["rank"]) for view in answer["views"]] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    best = answer["views"][0]
    assert best["target"] == best["text"] == "fi de ba"
    weights = base64.b64decode(answer["weights"][0])
    rows = [weights[begin : begin + 3] for begin in (0, 3, 6)]
    assert all(abs(sum(row) - 255) <= 2 for row in rows)
    assert best["links"] == sorted([row.index(max(row)), number] for number, row in enumerate(rows))


def test_a_given_target_is_aligned(server):
    status, answer = ask(server, "POST", "/api/align", {"source": "ba de fi", "target": "ba"})
    assert status == 200
    assert [(view["model"], view["rank"], view["target"]) for view in answer["views"]] == [(0, 0, "ba"), (1, 0, "ba")]
    translated = ask(server, "POST", "/api/translate", {"source": "ba de fi"})[1]["views"][0]
    same = ask(server, "POST", "/api/align", {"source": "ba de fi", "target": "fi de ba"})[1]["views"][0]
    about = {name: pytest.approx(translated[name], abs=1e-3) for name in ("score", "confidence")}
    assert same == translated | {"rank": 0} | about


def test_translations_come_with_their_confidence_and_what_to_check(reverser):
    translator = Translator.load(reverser)
    source = "ba 73 de ba 73 de"
    answer = answer_request([translator], Translate(source=source, n_best=2), None, build_job())
    (found,) = translator.n_best([source], 2)
    assert [view["text"] for view in answer["views"]] == [one.text for one in found]
    for view, one in zip(answer["views"], found, strict=True):
        assert view["confidence"] == pytest.approx(one.confidence, abs=1e-4)
        assert view["doubts"] == [doubt._asdict() for doubt in find_doubts(one)]
    assert answer["views"][0]["doubts"]
    assert Answer.model_validate(answer).model_dump(mode="json") == json.loads(json.dumps(answer))


def test_words_are_separated_by_spaces_tabs_and_line_ends(server):
    texts = {"source": "ba\tde\r\nfi\u00a0go \u2029 ku", "target": "ku go\u3000fi\nde ba"}
    status, answer = ask(server, "POST", "/api/align", texts)
    assert (status, answer["source"], answer["views"][0]["target"]) == (
        200,
        "ba de fi\u00a0go ku",
        "ku go\u3000fi de ba",
    )
    assert len(base64.b64decode(answer["weights"][0])) == 4 * 4


def test_an_answer_reports_what_was_cut(reverser, monkeypatch):
    translators = [Translator.load(reverser)]
    for source, target, limit, pieces, is_whole, is_finished in [
        ("ba de fi", "ba", 10, 3, True, True),
        ("ba de fi", "ba", 10, 2, False, True),
        ("ba de fi", "ba", 1, 3, True, False),
        ("ba", "ba de fi", 10, 2, True, True),
        ("", "", 10, 2, True, True),
    ]:
        monkeypatch.setattr("nmt.translation.batching.MAX_PIECES", pieces)
        monkeypatch.setattr("nmt.translation.constraints.compute_length_limit", lambda *_, limit=limit: limit)
        answer = answer_request(translators, Translate(source=source), None, build_job())
        assert {(view["is_whole"], view["is_finished"]) for view in answer["views"]} == {(is_whole, is_finished)}
        (view,) = answer_request(translators, Align(source=source, target=target), None, build_job())["views"]
        assert view["is_whole"] == (max(len(source.split()), len(target.split())) <= pieces)
        assert Answer.model_validate(answer).model_dump(mode="json") == json.loads(json.dumps(answer))


@pytest.mark.parametrize(
    ("form", "source", "expected", "sentences"),
    [
        ("html", "<p>ba <b>de</b>\n<!-- a --><p>ku", "<p><b>de</b> ba\n<!-- a --><p>ku", ["ba de", "ku"]),
        ("html", "\ufeff<meta charset=latin1>ba de<br>", "\ufeff<meta charset=latin1>de ba<br>", ["ba de"]),
        ("markdown", "# ba *de*\n\n- fi ku\n", "# *de* ba\n\n- ku fi\n", ["ba de", "fi ku"]),
        (
            "xml",
            '<?xml version="1.0" encoding="latin1"?><r>ba</r>',
            '<?xml version="1.0" encoding="latin1"?><r>ba</r>',
            ["ba"],
        ),
        ("text", "ba de\n\nfi ku", "de ba\n\nku fi", ["ba de", "fi ku"]),
    ],
)
def test_documents_keep_their_markup(server, form, source, expected, sentences):
    if form == "markdown":
        pytest.importorskip("pyromark")
    status, answer = ask(server, "POST", "/api/translate", {"source": [source] * 2, "format": form, "model": 1})
    assert status == 200
    assert DocumentAnswer.model_validate(answer).model_dump(mode="json") == answer
    assert answer["translation"] == [expected] * 2
    assert ask(server, "POST", "/api/translate", {"source": source, "format": form})[1]["translation"] == expected
    report = answer["documents"][0]
    assert [one["source"] for one in report["sentences"]] == sentences
    assert (report["segments"], report["notes"], report["terms"]) == (len(sentences), [], [])


def test_a_request_has_terms_of_its_own(server):
    terms = {"glossary": [{"source": "ba", "target": "zu"}, {"source": "DE", "target": "po", "case": "exact"}]}
    asked = {"source": "ba <b>de</b> 7", "format": "html", "keep": ["numbers"]} | terms
    status, answer = ask(server, "POST", "/api/translate", asked)
    assert status == 200
    assert answer["translation"].count("zu") == answer["translation"].count("7") == 1
    found = answer["documents"][0]["terms"]
    assert [(one["line"], one["kind"], one["term"], one["required"], one["used"]) for one in found] == [
        (1, "glossary", "ba", ["zu"], "zu"),
        (1, "keep", "7", ["7"], "7"),
    ]
    assert found[0]["source"] == "ba de 7"
    status, answer = ask(server, "POST", "/api/translate", {"source": "ba de"} | terms)
    assert "zu" in answer["views"][0]["target"].split()
    assert answer["views"][0]["terms"] == [{"kind": "glossary", "term": "ba", "required": ["zu"], "used": "zu"}]
    status, answer = ask(server, "POST", "/api/align", {"source": "ba de", "target": "de ba"} | terms)
    assert [view["terms"][0]["used"] for view in answer["views"]] == [None, None]


def test_terms_of_the_server_are_for_every_request(reverser, tmp_path):
    (tmp_path / "terms.tsv").write_text("ba\tzu\nfi\tru\n")
    words = ("--model", reverser, "--glossary", tmp_path / "terms.tsv", "--keep", "x+", "--max-document", 30)
    with start(*words) as (_, address):
        own = {"glossary": [{"source": "fi", "target": "po"}]}
        status, answer = ask(address, "POST", "/api/translate", {"source": "ba fi xx", "format": "text"} | own)
        assert status == 200
        uses = {one["term"]: one["used"] for one in answer["documents"][0]["terms"]}
        assert uses == {"ba": "zu", "fi": "po", "xx": "xx"}
        status, answer = ask(address, "POST", "/api/translate", {"source": ["a" * 16, "b" * 15], "format": "text"})
        assert (status, answer["error"]) == (413, "source has 31 characters; at most 30 are allowed")


def test_nothing_is_translated_to_nothing(server):
    status, answer = ask(server, "POST", "/api/translate", {"source": ""})
    assert (status, answer["source"], answer["views"][0]["target"], answer["weights"]) == (200, "", "", ["", ""])
    assert ask(server, "POST", "/api/align", {"source": "", "target": "ba"})[0] == 200


def test_the_description_is_of_what_is_answered(server):
    status, document = ask(server, "GET", "/api/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) == schemas.keys()
    for path, source in (("/api/translate", {"source": "ba"}), ("/api/align", {"source": "ba", "target": "ba"})):
        described = document["paths"][path]["post"]
        assert "40 characters" in described["requestBody"]["description"]
        name = described["requestBody"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        assert set(schemas[name]["required"]) == source.keys()
        status, answer = ask(server, "POST", path, source)
        assert str(status) in described["responses"]
        assert set(schemas["Answer"]["required"]) == answer.keys()
        assert all(set(schemas["AnswerView"]["required"]) == view.keys() for view in answer["views"])


HTML = {"source": "a", "format": "html"}
TERM = {"source": "a", "target": "b"}


def gloss(source, target, case="ignore"):
    return {"glossary": [{"source": source, "target": target, "case": case}]}


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "error"),
    [
        ("POST", "/api/translate", b"{", 422, "the body: Invalid JSON: EOF while parsing"),
        ("POST", "/api/translate", b"\xff", 422, "the body: Invalid JSON"),
        ("POST", "/api/translate", {}, 422, "source: Field required"),
        ("POST", "/api/translate", {"source": 1}, 422, "source: Input should be a valid string"),
        ("POST", "/api/translate", {"source": "ba", "n_best": 0}, 422, "n_best: Input should be greater than or equal"),
        ("POST", "/api/translate", {"source": "ba", "n_best": 21}, 422, "n_best: Input should be less than or equal"),
        ("POST", "/api/translate", {"source": "a", "x": 1, "y": 1}, 422, "x: Extra inputs are not permitted; y: Extra"),
        ("POST", "/api/align", {"source": "ba"}, 422, "target: Field required"),
        ("POST", "/api/translate", {"source": "a" * 41}, 413, "source has 41 characters; at most 40 are allowed"),
        ("POST", "/api/align", {"source": "a", "target": "b" * 50}, 413, "target has 50 characters; at most 40"),
        (
            "POST",
            "/api/translate",
            {"source": "a" * 9000},
            413,
            "source has 9,000 characters; at most 40 are allowed",
        ),
        ("POST", "/api/translate", HTML | {"source": [1]}, 422, "source: Input should be a valid string, or a list of"),
        ("POST", "/api/translate", HTML | {"source": ["a"] * 1001}, 422, "source: the list has 1,001 texts; at most"),
        ("POST", "/api/translate", {"source": ["a"]}, 422, "the body: a list of texts needs a format, such as text or"),
        ("POST", "/api/translate", HTML | {"n_best": 2}, 422, "the body: n_best is of sentences; a document has one"),
        ("POST", "/api/translate", HTML | {"format": "docx"}, 422, "format: Input should be 'sentence', 'html', "),
        ("POST", "/api/translate", HTML | {"model": 2}, 422, "model: there is no model 2; the last one is 1"),
        (
            "POST",
            "/api/translate",
            HTML | {"source": "a" * 50_001},
            413,
            "source has 50,001 characters; at most 50,000",
        ),
        ("POST", "/api/translate", HTML | {"source": "a" * 2_000_000}, 413, "the request is too large: a sentence may"),
        ("POST", "/api/translate", HTML | {"format": "xml"}, 422, "text 1, line 1: it is not XML: "),
        ("POST", "/api/translate", HTML | {"keep": ["(a+)+$"]}, 422, "keep.0: Input should be 'numbers', 'urls', "),
        ("POST", "/api/translate", HTML | {"glossary": "a"}, 422, "glossary: Input should be a valid array"),
        ("POST", "/api/translate", {"source": "a", "glossary": [{}]}, 422, "glossary.0.source: Field required; glos"),
        ("POST", "/api/translate", HTML | gloss("a", "b" * 101), 422, "glossary.0.target: String should have at most"),
        ("POST", "/api/translate", HTML | gloss("a", "b", "any"), 422, "glossary.0.case: Input should be 'ignore', "),
        ("POST", "/api/translate", HTML | {"glossary": [TERM] * 501}, 422, "glossary: List should have at most 500 "),
        (
            "POST",
            "/api/align",
            {"source": "a", "target": "b"} | gloss(" ", "b"),
            422,
            "the glossary of the request has lines that cannot be used:\n  line 1: its source is empty",
        ),
        (
            "POST",
            "/api/translate",
            {"source": "a"} | gloss("a", "ﬁ"),
            422,
            "the glossary of the request, line 1: the target 'ﬁ' cannot be generated by this model",
        ),
        ("GET", "/api/translate", None, 405, "GET /api/translate: Method Not Allowed"),
        ("GET", "/etc/passwd", None, 404, "GET /etc/passwd: Not Found"),
        ("POST", "/api/translate/", {"source": "a"}, 404, "POST /api/translate/: Not Found"),  # and no redirect
        ("POST", "/api/translate", {"source": "a", "model": 2}, 422, "model: there is no model 2; the last one is 1"),
    ],
)
def test_what_cannot_be_answered_is_explained(server, method, path, content, status, error):
    found, answer = ask(server, method, path, content)
    assert found == status
    assert answer.keys() == {"error"}
    assert answer["error"].startswith(error)


def test_more_translations_than_the_beam_of_the_run(server):
    status, answer = ask(server, "POST", "/api/translate", {"source": "ba de fi", "n_best": 9})
    assert (status, [view["rank"] for view in answer["views"] if view["model"] == 0]) == (200, [*range(1, 10)])


def test_who_sends_half_a_request_keeps_nobody_waiting(server):
    """Nor do they leave a trace in the log when they go; the fixture looks at it."""
    host, port = server.split(":")
    head = b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    stalled = [socket.create_connection((host, int(port)), 30) for _ in range(20)]
    for one in stalled:
        one.sendall(head)
    assert ask(server, "POST", "/api/translate", {"source": "ba de fi"})[0] == 200
    for one in stalled[1:]:
        one.close()
    answered = http.client.HTTPResponse(stalled[0])  # which may come in several pieces
    answered.begin()
    assert answered.status == 408
    assert "the request was not complete within 10 seconds" in answered.read().decode()
    stalled[0].close()


def test_a_foreign_name_for_this_machine_is_refused(server):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "[", "", "localhost:80:80", "ÿ"):
        status, answer = ask(server, "GET", "/", headers={"Host": host})
        name = host.removesuffix(":80")
        assert (status, answer) == (400, {"error": f"the Host header is {name!r}, not 127.0.0.1, [::1], localhost"})
    for name in ("localhost", "LOCALHOST", "[::1]"):
        assert ask(server, "GET", "/", headers={"Host": f"{name}:{server.split(':')[1]}"})[0] == 200


def test_a_foreign_page_is_refused(server):
    foreign = "http://evil.example", "null", "", "http://[", "http://]", "http://[::1", "://", f"http://{server}/", "ÿ"
    for origin, status in ((f"http://{server}", 200), *((origin, 403) for origin in foreign)):
        found, answer = ask(server, "POST", "/api/translate", {"source": "ba"}, {"Origin": origin})
        assert found == status
        assert status == 200 or answer == {
            "error": f"requests from pages of {origin} are not allowed, only from this server's own page"
        }


def send(address, content):
    """Bytes as they are. -> the status of the first answer, and its content"""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 60) as connection:
        connection.sendall(content)
        answered = http.client.HTTPResponse(connection)
        answered.begin()
        return answered.status, json.loads(answered.read())


HEAD = b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\n"
NOT_HTTP = "the request is not HTTP/1.1, or its headers contradict each other"


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400, NOT_HTTP),  # TLS
        (b"GET / HTTP/1.1\r\n\r\n", 400, NOT_HTTP),  # no Host
        (HEAD + b"Host: localhost\r\n\r\n", 400, NOT_HTTP),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, NOT_HTTP),
        (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400, NOT_HTTP),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400, NOT_HTTP),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, NOT_HTTP),
        (HEAD.replace(b"localhost", b"evil") + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400, NOT_HTTP),
        (HEAD.replace(b"POST", b"HEAD") + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400, NOT_HTTP),
        (HEAD + b"Content-Length: 999999999999\r\n\r\n", 413, "the request is too large: a sentence may have at"),
        (HEAD + b"Origin: http://localhost\r\nOrigin: http://[\r\n\r\n", 403, "requests from pages of http://["),
        (HEAD + b"Content-Length: 1900\r\n\r\n" + b"[" * 1900, 422, "the body: Invalid JSON: recursion limit"),
        (HEAD + b'Content-Length: 14\r\n\r\n{"source": "\xff"}', 422, "the body: Invalid JSON: "),
        (HEAD + b'Content-Length: 20\r\n\r\n{"source": "\\ud800"}', 422, "the body: Invalid JSON: "),
        (
            HEAD + b'Content-Length: 1824\r\n\r\n{"source": "", "n_best": ' + b"1" * 1798 + b"}",
            422,
            "n_best: Input should be less than or equal to 20",
        ),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, f"GET /{'a' * 495}…"),
    ],
)
def test_a_malformed_request_is_answered_in_json(server, content, status, error):
    found, answer = send(server, content)
    assert (found, answer.keys()) == (status, {"error"})
    assert answer["error"].startswith(error)


def test_an_error_of_the_program_is_answered_in_json(reverser, monkeypatch):
    app = application.build_app([Translator.load(reverser)], ["one"], 40, 2, ["*"])
    monkeypatch.setattr(application, "answer_request", lambda *_: 1 / 0)

    async def fail():
        sent = []
        with pytest.raises(ZeroDivisionError):  # the protocol writes it to the log
            await post(app, {"source": "a"}, sent=sent)
        return sent[0]["status"], json.loads(sent[1]["body"])

    with ThreadPoolExecutor(1) as apart:
        status, answer = apart.submit(asyncio.run, fail()).result()
    assert (status, answer["error"]) == (
        500,
        "this is an error in nmt, not in your request: the server has written it to its log",
    )


def test_every_character_may_be_escaped(server):
    text = json.dumps({"source": "\U0001f600" * 40, "target": "\U0001f600" * 40})
    assert len(text) > 40 * 2 * 12
    assert ask(server, "POST", "/api/align", text.encode())[0] == 200


SHORT_TIMEOUT = """
from nmt.cli.main import run
from nmt.server import app, protocol
app.REQUEST_SECONDS = protocol.REQUEST_SECONDS = 0.5
protocol.MAX_CONNECTIONS, answer_request = 20, app.answer_request
def slow(translators, asked, *more):
    if asked.source == "slowly":
        import sys, time
        print("begun", file=sys.stderr, flush=True)
        time.sleep(1000)
    return answer_request(translators, asked, *more)
app.answer_request = slow
run()
"""


def is_hung_up(connection):
    """Whether the other side closes a connection before it times out, whatever was sent to it."""
    with connection:
        try:
            return connection.recv(100) == b""
        except ConnectionError:
            return True


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_requests_are_refused_when_the_server_is_stopped(reverser, stop):
    with start("--model", reverser, program=("-c", SHORT_TIMEOUT.replace("0.5", "100"))) as (process, address):
        host, port = address.split(":")
        half, unread = (socket.create_connection((host, int(port)), 60) for _ in range(2))
        half.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        unread.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60)  # the answers fill all buffers
        with ThreadPoolExecutor(1) as apart:
            busy = apart.submit(ask, address, "POST", "/api/translate", {"source": "slowly"})
            assert process.stderr.readline() == "begun\n"
            process.send_signal(stop)
            refusal = 503, {"error": "the server is stopping"}
            assert busy.result() == refusal
        answered = http.client.HTTPResponse(half)
        answered.begin()
        assert (answered.status, json.loads(answered.read())) == refusal
        assert (process.wait(60), process.stderr.read()) == (0, "stopped\n")
        for one in (half, unread):
            one.close()


def test_who_keeps_connections_open_is_hung_up_on_and_ctrl_c_ends_at_once(reverser):
    with start("--model", reverser, "--host", "127.0.0.2", program=("-c", SHORT_TIMEOUT)) as (process, address):
        host, port = address.split(":")
        assert ask(address, "GET", "/", headers={"Host": "evil.example"})[0] == 400  # loopback by any name
        silent = [socket.create_connection((host, int(port)), 60) for _ in range(30)]
        for one in silent[:10]:
            one.sendall(b"GET / HT")
        assert all(map(is_hung_up, silent))
        assert ask(address, "POST", "/api/translate", {"source": "ba"})[0] == 200
        with ThreadPoolExecutor(1) as apart:
            busy = apart.submit(ask, address, "POST", "/api/translate", {"source": "slowly"})
            assert process.stderr.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
            assert busy.result() == (503, {"error": "the server is stopping"})
        assert process.stderr.read().splitlines()[-1] == "stopped"


def test_a_server_that_a_script_runs_in_the_background_ends_at_sigint_too(reverser):
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from nmt.cli.main import run; run()"
    with start("--model", reverser, program=("-c", ignoring)) as (process, address):
        assert ask(address, "GET", "/")[0] == 200  # by now it listens for signals as well
        process.send_signal(signal.SIGINT)
        assert (process.wait(60), process.stderr.read()) == (0, "stopped\n")


async def post(app, content, is_there=True, sent=None, hangs_up=None, path="/api/translate"):
    """One request to an application, without a network. What it sends is appended to `sent`.

    The client goes when the event `hangs_up` is set.
    """
    sent = [] if sent is None else sent
    messages = [{"type": "http.request", "body": json.dumps(content).encode(), "more_body": False}]

    async def receive():
        if messages:
            return messages.pop()
        if is_there and not (hangs_up and hangs_up.is_set()):
            await asyncio.sleep(100)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
    await app(scope | {"server": ("127.0.0.1", 1), "scheme": "http", "root_path": ""}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


def test_what_comes_when_too_many_wait_is_sent_away(reverser, monkeypatch):
    app = application.build_app([Translator.load(reverser)], ["one"], 40, 2, ["*"])
    at_once, worked, go_on = [], [], threading.Event()

    def slow(translators, asked, *_):
        at_once.append(asked)
        worked.append(asked)
        assert go_on.wait(20)
        at_once.remove(asked)
        return {"answered": asked.source}

    monkeypatch.setattr(application, "answer_request", slow)

    async def crowd():
        first = [asyncio.create_task(post(app, {"source": text})) for text in "ab"]
        while not at_once:
            await asyncio.sleep(0.01)
        status, headers, answer = await post(app, {"source": "c"})
        assert (status, headers[b"retry-after"]) == (503, b"1")
        assert answer == {"error": "the queue is full, with 2 requests: try again later"}
        go_on.set()
        assert [one[2]["answered"] for one in await asyncio.gather(*first)] == ["a", "b"]
        assert (await post(app, {"source": "d"}))[0] == 200
        count = len(worked)
        assert (await post(app, {"source": "e"}, is_there=False))[0] == 408  # who has gone is not worked for
        assert len(worked) == count
        go_on.clear()
        held = asyncio.create_task(post(app, {"source": "f", "format": "html"}))
        while not at_once:
            await asyncio.sleep(0.01)
        typed = asyncio.create_task(post(app, {"source": "g"}))  # a sentence does not wait for a document
        while len(at_once) < 2:
            await asyncio.sleep(0.01)
        go_on.set()
        assert {one[2]["answered"] for one in await asyncio.gather(held, typed)} == {"f", "g"}

    with ThreadPoolExecutor(1) as apart:  # a browser of other tests may have a loop in this thread
        apart.submit(asyncio.run, crowd()).result()


class SlowModel:
    """A step model that takes a fifth of a second for each step of a long sentence. `steps` are these."""

    def __init__(self, model):
        self.model, self.vocabulary, self.steps = model, model.vocabulary, []

    def start(self, source_BS, lengths_B):
        return source_BS.shape[1] > 10, self.model.start(source_BS, lengths_B)

    def step(self, previous_N, state):
        if state[0]:
            self.steps.append(time.sleep(0.2))
        out = self.model.step(previous_N, state[1])
        return out._replace(state=(state[0], out.state))

    def select(self, state, rows_BK):
        return state[0], self.model.select(state[1], rows_BK)


LONG = ("ba " * 13).strip()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/translate", {"source": LONG}),
        ("/api/align", {"source": LONG, "target": LONG}),
        ("/api/translate", {"source": f"<p>{LONG}", "format": "html"}),
        ("/api/translate", {"source": [LONG] * 2, "format": "text"}),
    ],
)
def test_a_request_stops_within_a_search_and_lets_others_have_their_turn(reverser, monkeypatch, path, content):
    translator = Translator.load(reverser, wrap=SlowModel)
    steps = translator.model.steps
    app = application.build_app([translator], ["one"], 40, 3, ["*"])
    monkeypatch.setattr(application, "SENTENCE_SECONDS", 0.7)
    monkeypatch.setattr(application, "DOCUMENT_SECONDS", 0.7)
    limited = application.build_app([translator], ["one"], 40, 3, ["*"])
    gone = threading.Event()

    async def run():
        refused = 413, {"error": "the translation takes more than 0.7 seconds; send less at a time"}
        assert (await post(limited, content, path=path))[::2] == refused
        assert len(steps) <= 4  # the first that ends after 0.7 seconds is the last
        asked = asyncio.create_task(post(app, content, hangs_up=gone, path=path))
        while len(steps) < 6:
            await asyncio.sleep(0.02)
        short = {key: "ba" for key in content if key in ("source", "target")}
        for more in (short, short | {"format": "html"}):
            if path == "/api/translate" or more is short:
                assert (await post(app, more, path=path))[0] == 200
        assert not asked.done()
        gone.set()
        await asked
        count = len(steps)
        await asyncio.sleep(0.5)
        assert len(steps) <= count + 1  # the one that was begun

    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, run()).result()


def translate_slowly(monkeypatch, seconds):
    """Let every group of sentences of a document take a while. -> the sentences in the order of their translation"""
    translated, stream = [], Translator.stream

    def slow(self, lines, **options):
        group = list(lines)
        translated.extend(group)
        time.sleep(seconds)
        yield from stream(self, group, **options)

    monkeypatch.setattr(Translator, "stream", slow)
    monkeypatch.setattr("nmt.server.answers.AT_ONCE", 2)
    monkeypatch.setattr("nmt.translation.repeats.LONGEST_KEPT", 0)  # equal sentences, too, are translated
    return translated


def write_text(word, count):
    return "\n\n".join([word] * count)


def test_documents_take_turns_tell_how_far_they_are_and_stop_when_their_client_goes(reverser, monkeypatch):
    app = application.build_app([Translator.load(reverser)], ["one"], 40, 3, ["*"])
    translated = translate_slowly(monkeypatch, 0.25)
    name = "0123456789-abcdef"
    gone = threading.Event()

    async def get_progress():
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": f"/api/progress/{name}", "query_string": b"", "headers": []}
        await app(scope, None, send)
        return json.loads(sent[1]["body"])

    async def run():
        assert await get_progress() == {"done": 0, "total": 0}
        long = {"source": [write_text("ba", 30), "ba"], "format": "text", "name": name}
        first = asyncio.create_task(post(app, long, hangs_up=gone))
        while (await get_progress())["done"] < 2:
            await asyncio.sleep(0.02)
        status, _, answer = await post(app, {"source": write_text("fi", 5), "format": "text"})
        assert (status, answer["translation"]) == (200, write_text("fi", 5))
        assert 0 < (await get_progress())["done"] < 30  # the first is not answered
        assert (await get_progress())["total"] == 30
        between = "".join(translated).index("fifi"), "".join(translated).rindex("fi")
        assert "ba" in "".join(translated)[slice(*between)]  # they took turns
        gone.set()
        await first
        count = len(translated)
        assert (await post(app, {"source": "ku", "format": "text"}))[0] == 200
        assert len(translated) <= count + 3  # what was begun when the client went, and ours
        assert await get_progress() == {"done": 0, "total": 0}

    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, run()).result()


def target(page):
    return page.locator('.view .words[aria-label="target words"] .word')


def test_the_page_translates_as_one_types(open_page, server):
    page = open_page(f"http://{server}/")
    page.locator("#source-text").press_sequentially("ba de")
    expect(page.locator("#target-text")).to_have_value("de ba")
    page.locator("#source-text").press_sequentially(" fi")
    expect(page.locator("#target-text")).to_have_value("fi de ba")
    expect(target(page)).to_have_text(["fi", "de", "ba"])
    expect(page.locator(".view h2")).to_have_text("reverser · best translation")
    target(page).first.hover()
    lit = page.locator('.view .words[aria-label="source words"] .word.strong')
    expect(lit).to_have_text(["fi"])
    page.select_option("#compare", label="other · best translation")
    expect(page.locator(".view")).to_have_count(2)
    page.select_option("#compare", label="nothing")

    page.fill("#target-text", "fi ba ba")
    expect(page.locator(".view h2")).to_have_text("reverser · given translation")
    expect(target(page)).to_have_text(["fi", "ba", "ba"])
    shown = page.locator("#show option").all_text_contents()
    assert {"reverser · given translation", "reverser · best translation", "other · given translation"} <= set(shown)

    expect(page.locator("#number")).to_have_text("1 of 1")
    page.click("#keep")
    expect(page.locator(".item")).to_have_count(2)
    expect(page.locator("#number")).to_have_text("1 of 2")
    page.fill("#source-text", "ku")
    expect(page.locator("#target-text")).to_have_value("ku")
    assert page.locator(".item span:first-child").all_text_contents() == ["ku", "ba de fi"]
    expect(page.locator(".view h2")).to_have_text("reverser · best translation")  # not the kept one's given translation


def test_the_page_marks_what_to_check(open_page, server):
    page = open_page(f"http://{server}/")
    doubts = [
        ("source", 2, 4, "number not in translation"),
        ("target", 1, 4, "low probability"),
        ("target", 2, 3, "copied"),
    ]
    view = {
        "model": 0,
        "rank": 1,
        "target": "\U0001f600a\u001fb c",
        "text": "\U0001f600ab c",
        "links": [],
        "score": -1,
        "confidence": 0.371,
        "entropy": 0,
        "coverage": 0,
        "unattended": [0],
        "unsupported": [],
        "terms": [],
        "doubts": [dict(zip(("side", "begin", "end", "reason"), doubt, strict=True)) for doubt in doubts],
    }
    answer = {"source": "x 73 y", "views": [view]}
    page.evaluate("answer => showAnswer({ ...answer, weights: [new Uint8Array(9)] }, '0:1')", answer)
    marked = page.locator(".view .word.doubtful")
    expect(marked).to_have_text(["x", "73", "\U0001f600a", "b"])
    assert [word.get_attribute("title") for word in marked.all()] == [
        "This source word receives almost no attention.",
        "Check it: number not in translation.",
        "Check it: low probability.",
        "Check it: low probability. Check it: copied.",
    ]
    expect(page.locator(".view .scores")).to_contain_text("37%")


def test_the_page_does_not_cut_a_text_that_is_too_long(open_page, server):
    page = open_page(f"http://{server}/")
    page.fill("#source-text", "ba " * 14)
    expect(page.locator("#live-message")).to_have_text("The text has 42 characters; at most 40 are allowed.")
    expect(page.locator("#source-text")).to_have_value("ba " * 14)
    page.fill("#source-text", "ba de" + "\U0001f600" * 35)  # the server, too, counts each as one
    expect(page.locator("#target-text")).not_to_have_value("")
    expect(page.locator("#live-message")).to_have_text("")
    page.fill("#target-text", "de " * 14)
    expect(page.locator("#live-message")).to_have_text("The translation has 42 characters; at most 40 are allowed.")
    expect(page.locator("#target-text")).to_have_value("de " * 14)


class Proxy(BaseHTTPRequestHandler):
    """Passes on what comes below /nmt/, with the Host of the server, as nginx does by default."""

    def do_GET(self):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        assert self.path.startswith("/nmt/"), self.path
        with closing(http.client.HTTPConnection(self.server.behind, timeout=60)) as connection:
            connection.request(self.command, self.path.removeprefix("/nmt"), content, headers)
            answered = connection.getresponse()
            self.send_response(answered.status)
            self.send_header("content-type", answered.getheader("content-type"))
            with suppress(ConnectionError):  # the page may be closed
                self.end_headers()
                self.wfile.write(answered.read())

    do_POST = do_GET

    def log_message(self, *_):
        pass


def test_the_page_works_behind_a_proxy_below_a_path(open_page, reverser):
    with (
        start("--model", reverser, "--host-name", "LOCALHOST") as (_, address),
        ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy,
        ThreadPoolExecutor(1) as apart,
    ):
        proxy.behind = address
        apart.submit(proxy.serve_forever)
        try:
            page = open_page(f"http://localhost:{proxy.server_port}/nmt/")
            page.fill("#source-text", "ba de")
            expect(page.locator("#target-text")).to_have_value("de ba")
            page.fill("#target-text", "ba ba")
            expect(page.locator(".view h2")).to_contain_text("given translation")
            page.click("#document-mode")
            page.fill("#document-text", "<p>ba de")
            page.click("#translate-document")
            expect(page.locator("#document-message")).to_have_text("1 segment, 0 tags")
            page.close()  # which may still ask for progress, and would complain of a proxy that is gone
        finally:
            proxy.shutdown()


def test_further_host_names_are_allowed(reverser):
    with start("--model", reverser, "--host-name", "Translate.Example.org", "--host-name", "[2001:db8::1]") as (
        _,
        address,
    ):
        for host, origin, status in [
            ("translate.example.org", "https://translate.example.org", 200),
            ("TRANSLATE.example.org:443", "https://translate.example.org:443", 200),
            ("[2001:DB8::1]:8000", "http://[2001:db8::1]:8000", 200),
            (address, "https://translate.example.org", 200),  # the proxy has written its own Host
            (address, "https://translate.example.org.evil.example", 403),
            (address, "http://localhost", 403),
            ("localhost", "http://LOCALHOST", 200),
            ("example.org", "https://translate.example.org", 400),
        ]:
            found, _ = ask(address, "POST", "/api/translate", {"source": "ba"}, {"Host": host, "Origin": origin})
            assert (found, host, origin) == (status, host, origin)


def test_the_page_stays_with_the_model_that_was_chosen(open_page, server):
    page = open_page(f"http://{server}/")
    heading, answer = page.locator(".view h2"), page.locator("#target-text")
    page.fill("#source-text", "ba de")
    expect(answer).to_have_value("de ba")
    page.select_option("#show", label="other · translation 2")
    expect(heading).to_have_text("other · translation 2")
    second = " ".join(target(page).all_text_contents())
    assert second != "de ba"
    expect(answer).to_have_value(second)
    page.locator("#source-text").press_sequentially(" fi ")
    expect(page.locator(".item span:first-child")).to_have_text("ba de fi")
    expect(heading).to_have_text("other · translation 2")
    expect(answer).to_have_value(" ".join(target(page).all_text_contents()))
    expect(page.locator("#source-text")).to_have_value("ba de fi ")  # as it was typed
    page.fill("#target-text", "fi ba ")
    expect(heading).to_have_text("other · given translation")
    expect(answer).to_have_value("fi ba ")
    page.fill("#source-text", "ku")
    expect(heading).to_have_text("other · best translation")  # of a new source nothing is given
    expect(answer).to_have_value("ku")


def test_a_sentence_that_was_kept_comes_back_into_the_boxes(open_page, server):
    page = open_page(f"http://{server}/")
    state, rows, text = page.locator("#live-message"), page.locator(".item"), page.locator("#source-text")
    page.click("#keep")
    expect(state).to_have_text("There is no sentence to keep.")
    page.fill("#source-text", "ba de")
    expect(page.locator("#target-text")).to_have_value("de ba")
    page.click("#keep")
    expect(state).to_have_text("The sentence is in the list.")
    page.click("#keep")
    expect(state).to_have_text("The list has this sentence already.")
    page.fill("#source-text", "ku la fi")
    expect(page.locator("#target-text")).to_have_value("fi la ku")
    rows.nth(1).click()
    expect(text).to_have_value("ba de")
    expect(page.locator("#target-text")).to_have_value("de ba")
    page.click("#keep")
    expect(state).to_have_text("The list has this sentence already.")
    expect(rows).to_have_count(2)
    page.fill("#target-text", "ba ba")
    expect(target(page)).to_have_text(["ba", "ba"])
    assert "reverser · best translation" in page.locator("#show option").all_text_contents()
    page.click("#keep")
    expect(rows).to_have_count(3)
    rows.nth(1).click()
    page.select_option("#show", label="reverser · best translation")
    expect(target(page)).to_have_text(["de", "ba"])
    rows.nth(2).click()
    expect(target(page)).to_have_text(["de", "ba"])  # the translations of its source went with the edited one
    expect(page.locator("#target-text")).to_have_value("de ba")


def test_the_page_says_what_went_wrong(open_page, server):
    page = open_page(f"http://{server}/")
    page.route("**/api/translate", lambda route: route.fulfill(status=503, json={"error": "<b>busy</b>"}))
    page.fill("#source-text", "ba")
    expect(page.locator("#live-message")).to_have_text("<b>busy</b>")
    page.unroute("**/api/translate")
    page.route("**/api/translate", lambda route: route.abort())
    page.fill("#source-text", "de")
    expect(page.locator("#live-message")).to_have_text("The server does not answer.")
    page.unroute("**/api/translate")
    page.fill("#source-text", "fi")
    expect(page.locator("#target-text")).to_have_value("fi")
    expect(page.locator("#live-message")).to_have_text("")
    assert len(open_page.complaints) == 2  # the browser's own words on the two
    open_page.complaints.clear()


def test_what_cannot_be_served(run_nmt, reverser, turned, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = {
            ("--model", reverser, "--port", port): f"the server cannot listen on 127.0.0.1, port {port}: ",
            (
                "--model",
                reverser,
                "--model",
                turned,
            ): f"{reverser} translates a to b, and {turned} translates b to a\n",
            ("--model", "absent"): "absent does not exist\n  A run is a folder",
            ("--model", reverser, "--host", ""): "--host is empty\n  Leave it out, or use 0.0.0.0",
            (
                "--model",
                reverser,
                "--host-name",
                "https://a.org",
            ): "--host-name 'https://a.org' is not the name of a host\n"
            "  Write it without scheme, port and path, such as translate.example.org\n",
            ("--model", reverser, "--host-name", "a.org:80"): "--host-name 'a.org:80' is not the name of a host\n",
            ("--model", reverser, "--port", 70000): "Invalid value for '--port': 70000 is not in the range",
            (
                "--model",
                reverser,
                "--host",
                "no.such.name.invalid",
                "--port",
                0,
            ): "the server cannot listen on no.such.name.invalid, port 0: ",
        }
        for words, message in refused.items():
            done = run_nmt("serve", *words)
            assert (done.code, done.stdout) == (2, "")
            assert done.stderr.startswith(f"nmt: error: {message}")
            assert "attempting" not in done.stderr
    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    done = run_nmt("serve", "--model", reverser)
    assert done.stderr == 'nmt: error: nmt serve needs an extra: pip install "nmt[serve]"\n'
    assert not Path("absent").exists()


DOCUMENT = """<style>b { color: #800 }</style><h1 onclick="alert(1)">ba <b>de</b></h1>
<script>document.body.textContent = "ran"</script><p>fi ku</p><img src="http://evil.example/x.png" alt="ba">"""


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_shows_a_document_beside_its_translation(open_page, documents_server, tmp_path, width, scheme):
    page = open_page(f"http://{documents_server}/", width=width, color_scheme=scheme)
    page.click("#document-mode")
    page.click("#translate-document")
    expect(page.locator("#document-message")).to_have_text("There is no document to translate.")
    (tmp_path / "my.page.html").write_text(DOCUMENT + "é", "utf-8")
    page.click("#terms summary")
    page.fill("#glossary", "ku = zu\nfi\tno\n")
    page.set_input_files("#document-file", tmp_path / "my.page.html")
    expect(page.locator("#document-message")).to_contain_text("2 of 2 terms in place")
    source, target = (page.frame_locator(f"#{side}-frame") for side in ("source", "target"))
    expect(source.locator("h1")).to_have_text("ba de")
    expect(target.locator("h1")).to_have_text("de ba")
    expect(target.locator("p")).to_contain_text("zu")
    assert target.locator("script, [onclick], img[src]").count() == 0
    assert target.locator("b").evaluate("one => getComputedStyle(one).color") == "rgb(136, 0, 0)"
    source.locator("h1").hover()
    expect(target.locator("[data-lit]")).to_have_text("de ba")
    target.locator("h1").click()
    expect(page.locator('.view .words[aria-label="target words"] .word')).to_have_text(["de", "ba"])
    page.locator('.view .words[aria-label="target words"] .word').first.hover()
    expect(page.locator('.view .words[aria-label="source words"] .word.strong')).to_have_text(["de"])
    with page.expect_download() as download:
        page.click("#download-document")
    assert download.value.suggested_filename == "my.page.b.html"
    text = download.value.path().read_text("utf-8")
    assert "<script>document.body" in text
    assert 'onclick="alert(1)"><b>de</b> ba</h1>' in text
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [page.locator(f"#{side}-frame").bounding_box() for side in ("source", "target")]
    assert (boxes[0]["y"] == boxes[1]["y"]) == (width == 1280)
    page.fill("#document-text", "a" * 50_001)
    page.click("#translate-document")
    expect(page.locator("#document-message")).to_contain_text("The document has 50,001 characters; at most 50,000 are")
    blocked = (  # the browser's own words for what a document may not do; nothing else is loaded
        "error: Executing inline event handler violates the following Content Security Policy",
        "error: Blocked script execution in 'about:srcdoc'",
    )
    assert all(one.startswith(blocked) for one in open_page.complaints), open_page.complaints
    open_page.complaints.clear()


def test_the_page_shows_how_far_a_document_is_and_cancels_it(open_page, documents_server):
    page = open_page(f"http://{documents_server}/")
    expect(page.locator(".item")).to_have_count(0)  # nothing was typed
    expect(page.locator("#count")).to_have_text("0 sentences")
    page.click("#document-mode")
    page.route("**/api/translate", lambda route: None)  # the server is busy
    page.route("**/api/progress/*", lambda route: route.fulfill(json={"done": 3, "total": 1200}))
    page.select_option("#document-format", "text")
    page.fill("#document-text", "ba de\n\nfi")
    expect(page.locator("#cancel-document")).to_be_hidden()
    page.click("#translate-document")
    expect(page.locator("#document-message")).to_have_text("3 of 1,200 sentences")
    assert page.locator("#document-progress").evaluate("bar => [bar.value, bar.max]") == [3, 1200]
    page.click("#cancel-document")
    expect(page.locator("#document-message")).to_have_text("The translation was cancelled.")
    expect(page.locator("#document-progress")).to_be_hidden()
    page.unroute_all(behavior="ignoreErrors")
    page.click("#translate-document")
    expect(page.locator("#document-message")).to_have_text("2 segments, 0 tags")
    expect(page.locator("#cancel-document")).to_be_hidden()
    expect(page.locator(".item span:first-child")).to_have_text(["ba de", "fi"])
    expect(page.locator("#number")).to_have_text("1 of 2")


@pytest.fixture(scope="module")
def documents_server(reverser):
    with start("--model", reverser) as (_, address):
        yield address

"""`nmt serve`: translation in the browser while the user types, and over HTTP."""

import os
import socket
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import ip_address

import click

from nmt.cli.align import name_runs
from nmt.cli.command import NmtCommand
from nmt.cli.options import (
    model_option,
    run_options,
)
from nmt.cli.terms import read_terms, required_options
from nmt.errors import NmtError, UsageError
from nmt.server import MAX_DOCUMENT

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SHUTDOWN_SECONDS = 2  # time in which requests are still answered after the server was stopped


@click.command(cls=NmtCommand)
@model_option("to compare runs")
@click.option("--host", default="127.0.0.1", metavar="NAME", help="address to listen on  [default: this machine only]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    metavar="N",
    help="port to listen on; 0 for any free port  [default: 8000]",
)
@click.option(
    "--max-characters",
    type=click.IntRange(1),
    default=1000,
    metavar="N",
    help="characters of the longest text that is accepted  [default: 1000]",
)
@click.option(
    "--max-document",
    type=click.IntRange(1),
    default=MAX_DOCUMENT,
    metavar="N",
    help=f"characters of the longest document, or of several in one request  [default: {MAX_DOCUMENT}]",
)
@click.option(
    "--max-waiting",
    type=click.IntRange(1),
    default=16,
    metavar="N",
    help="largest number of waiting requests; more are refused  [default: 16]",
)
@required_options
@run_options
def command(
    model: tuple[str, ...],
    host: str,
    port: int,
    max_characters: int,
    max_document: int,
    max_waiting: int,
    glossary: str | None,
    keep: tuple[str, ...],
    checkpoint: str,
    device: str,
    precision: str,
) -> None:
    """Translate in the browser while typing, and over HTTP.

    The page shows the attention of each word of the translation. Edit the translation to see the attention for your
    own. It also translates documents, such as HTML pages, and shows them beside their translation.

    Programs post JSON to /api/translate and /api/align, which /api/openapi.json describes. With "format": "html" the
    source is a page or a part of one, or a list of them, and several requests for documents take turns. /api/progress
    tells how far one with a "name" is. A request may have a glossary of its own; --glossary and --keep are for all
    requests, and a regular expression must not be one that takes long on a stranger's text.

    Other machines can reach the server only if --host allows it; there is no password. Ctrl-C stops the server.
    """
    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise NmtError('nmt serve needs an extra: pip install "nmt[serve]"')
    import uvicorn

    from nmt.server.app import build_app
    from nmt.server.protocol import TimeoutProtocol
    from nmt.translation.aligner import load_aligner
    from nmt.translation.constraints import refuse_unwritable_terms
    from nmt.translation.translator import refuse_other_languages

    translators = [load_aligner(run, checkpoint=checkpoint, device=device, precision=precision) for run in model]
    for other in translators[1:]:
        refuse_other_languages(translators[0].runs[0], other.runs[0])
    terms = read_terms(glossary, keep)
    if terms:
        for translator in translators:
            refuse_unwritable_terms(terms, translator.runs[0].target_subword)
    if not host:
        raise UsageError("--host is empty\n  Leave it out, or use 0.0.0.0 for all addresses of this machine")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(
            f"the server cannot listen on {host}, port {port}: {error.strerror}\n"
            "  Name another --host or --port; port 0 stands for any free port"
        ) from error
    address = listener.getsockname()[0]
    hosts = sorted({*LOOPBACK, address} - {"::1"}) if ip_address(address).is_loopback else ["*"]
    app = build_app(
        translators,
        name_runs(model),
        max_characters,
        max_waiting,
        hosts,
        max_document=max_document,
        terms=terms,
    )
    info = translators[0].runs[0].info
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listener.getsockname()[1]}"
    click.echo(f"{url} translates {info.source_lang} to {info.target_lang}; Ctrl-C stops it", err=True)
    config = uvicorn.Config(
        app,
        http=TimeoutProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it when it has stopped, unless SIGINT is ignored
        uvicorn.Server(config).run(sockets=[listener])
    click.echo("stopped", err=True)
    if threading.active_count() > 1:  # a sentence is still being translated, for which no client waits
        sys.stderr.flush()
        os._exit(0)

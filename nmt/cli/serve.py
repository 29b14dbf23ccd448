"""`nmt serve`: translation in the browser while the user types, and over HTTP."""

import os
import re
import signal
import socket
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import click

from nmt.cli.align import name_runs
from nmt.cli.command import NmtCommand
from nmt.cli.options import model_option, run_options, shortlist_option
from nmt.cli.terms import read_terms, required_options
from nmt.errors import NmtError, UsageError
from nmt.server import MAX_DOCUMENT, SHUTDOWN_SECONDS

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HOST_NAME = re.compile(r"[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\]")  # as browsers write it in a request


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
    "--host-name",
    "host_names",
    multiple=True,
    metavar="NAME",
    help="further name by which browsers reach the server, such as that of a proxy; may be repeated",
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
@shortlist_option
@run_options
def command(
    model: tuple[str, ...],
    host: str,
    port: int,
    host_names: tuple[str, ...],
    max_characters: int,
    max_document: int,
    max_waiting: int,
    glossary: str | None,
    keep: tuple[str, ...],
    shortlist: Path | None,
    checkpoint: str,
    device: str,
    precision: str,
) -> None:
    """Translate in the browser while typing, and over HTTP.

    The page shows the attention of each word of the translation. Edit the translation to see the attention for your
    own. It also translates documents, such as HTML pages, and shows them beside their translation.

    Programs post JSON to /api/translate and /api/align, which /api/openapi.json describes. With "format": "html" the
    source is a page or a part of one, or a list of them. /api/progress tells how far one with a "name" is. Requests
    take turns; a sentence may take 20 seconds, and documents 120, that of others not counted. A request may have a
    glossary of its own; --glossary and --keep are for all requests, and a regular expression must not be one that takes
    long on a stranger's text.

    Other machines can reach the server only if --host allows it; there is no password. Requests must name this machine,
    or a --host-name, as their host; where other machines can reach the server and there is no --host-name, any name
    will do. Ctrl-C, or SIGTERM, stops the server, which then still answers for two seconds.
    """
    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise NmtError('nmt serve needs an extra: pip install "nmt[serve]"')
    import uvicorn

    from nmt.server.app import build_app
    from nmt.server.protocol import Server, TimeoutProtocol
    from nmt.translation.aligner import load_aligner
    from nmt.translation.constraints import refuse_unwritable_terms
    from nmt.translation.translator import refuse_other_languages

    translators = [
        load_aligner(run, checkpoint=checkpoint, device=device, precision=precision, shortlist=shortlist)
        for run in model
    ]
    refuse_other_languages([translator.runs[0] for translator in translators])
    terms = read_terms(glossary, keep, model[0])
    if terms:
        for translator in translators:
            refuse_unwritable_terms(terms, translator.runs[0].target_subword)
    for wrong in (name for name in host_names if not HOST_NAME.fullmatch(name)):
        raise UsageError(
            f"--host-name {wrong!r} is not the name of a host\n"
            "  Write it without scheme, port and path, such as translate.example.org"
        )
    if not host:
        raise UsageError("--host is empty\n  Leave it out, or use 0.0.0.0 for all addresses of this machine")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while attempting to bind")[0]  # which Python adds
        raise UsageError(
            f"the server cannot listen on {host}, port {port}: {reason}\n"
            "  Name another --host or --port; port 0 stands for any free port"
        ) from error
    address = listener.getsockname()[0]
    public_names = {name.lower() for name in host_names}
    hosts = ["*"]
    if ip_address(address).is_loopback or public_names:
        hosts = sorted({*LOOPBACK, address, host.lower(), *public_names} - {"::1"})
    app = build_app(
        translators,
        name_runs(model),
        max_characters,
        max_waiting,
        hosts,
        public_names=public_names,
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
        timeout_graceful_shutdown=2 * SHUTDOWN_SECONDS,
    )
    with suppress(KeyboardInterrupt):  # when it has stopped, uvicorn sends itself the signal that has stopped it
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        Server(config).run(sockets=[listener])
    click.echo("stopped", err=True)
    if threading.active_count() > 1:  # a sentence is still being translated, for which no client waits
        sys.stderr.flush()
        os._exit(0)

"""Translation over HTTP: the web application, the schema of its API, and a protocol with time limits."""

MAX_DOCUMENT = 50_000  # characters of the documents of a request

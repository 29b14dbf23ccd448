"""Translation over HTTP: the web application, the schema of its API, and a protocol with time limits."""

MAX_DOCUMENT = 50_000  # characters of the documents of a request
DOCUMENT_SECONDS = 120  # time in which the documents of a request must be translated, that of others not counted
SENTENCE_SECONDS = 20  # the same for a sentence
SHUTDOWN_SECONDS = 2  # time in which requests are still answered after the server was stopped

"""Translation over HTTP: the web application, the schema of its API, and a protocol with time limits."""

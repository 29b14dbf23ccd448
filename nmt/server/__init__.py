"""Translation over HTTP: an application, its schema, and a protocol for slow or many clients."""

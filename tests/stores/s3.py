"""Runs moto's S3 server on a free port. It supports conditional writes."""

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

# One thread: in moto, unlike in S3, checking the condition and writing are not one atomic step.
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
print(f"successfully listens on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()

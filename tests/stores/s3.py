"""Starts moto's S3 server, which supports conditional writes, on a free port."""

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

# Not threaded: a conditional write is atomic in S3, but not in moto.
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
print(f"successfully listens on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()

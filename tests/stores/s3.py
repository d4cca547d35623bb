"""A stand-in for Amazon S3, on a free port: moto's, which knows conditional writes."""

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

# One request at a time: moto looks at the condition and writes in two steps, S3 in one.
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
print(f"successfully listens on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()

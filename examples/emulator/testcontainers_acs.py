"""Starts the emulator for tests in Python, as a container: pip install testcontainers"""

from contextlib import contextmanager

from azure.communication.identity import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

KEY = "YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ=="


@contextmanager
def acs_client():
    """Yields a client of a new emulator."""
    container = DockerContainer("acs-tokens-emulator").with_exposed_ports(7072)
    with container.waiting_for(HttpWaitStrategy(7072, "/health")):
        # Over http by key: connection strings always lead to https.
        endpoint = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(7072)}"
        yield CommunicationIdentityClient(endpoint, AzureKeyCredential(KEY))

"""Builds the images, checks what is in them, and runs them as their user, also with a read-only root."""

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request

USER = "65532:65532"
KEY = "a-key-of-this-test-only"
LIMIT = int(os.environ["IMAGE_LIMIT"])
WAIT_S = 60  # the limit of every wait; a passing run does not wait for it

# The expected configuration of each image, and its files with their modes and owners.
IMAGES = {
    "service": {
        "containerfile": "Containerfile",
        "command": ["serve", "--host", "0.0.0.0", "--port", "8080"],
        "ports": {"8080/tcp"},
        "volumes": set(),
        "health": "http://127.0.0.1:8080",
        "files": {"acs-tokens": (0o755, 0), "etc/ssl/certs/ca-certificates.crt": (0o644, 0)},
    },
    "emulator": {
        "containerfile": "Containerfile.emulator",
        "command": ["emulator", "--host", "0.0.0.0"],
        "ports": {"7071/tcp", "7072/tcp", "7073/tcp"},
        "volumes": {"/tmp"},
        "health": "http://127.0.0.1:7072",
        "files": {"acs-tokens": (0o755, 0)},
    },
}
started = []


def equal(found, expected, what):
    if found != expected:
        sys.exit(f"{what}: found {found!r}, expected {expected!r}")


class Buildah:
    """buildah with a storage of its own, without a daemon."""

    def __init__(self, folder):
        self.folder = folder
        self.base = ["buildah", "--storage-driver", "vfs", "--root", f"{folder}/store", "--runroot", f"{folder}/run"]

    def __call__(self, *arguments):
        done = subprocess.run([*self.base, *arguments], capture_output=True, text=True, timeout=WAIT_S)
        if done.returncode != 0:
            sys.exit(f"buildah {arguments} failed: {done.stderr}")
        return done.stdout.strip()

    def run(self, container, *arguments, **variables):
        """Returns the command that runs a program of a container."""
        env = [f"--env={name}={value}" for name, value in variables.items()]
        return [*self.base, "run", "--isolation", "chroot", *env, container, "--", *arguments]


def build(buildah, name, image):
    """Builds an image in Docker's format, which has the health check, and returns its configuration."""
    context = f"target/container/{name}"
    arguments = ["--isolation", "chroot", "--format", "docker", "--file", image["containerfile"], "--tag", name]
    buildah("build", *arguments, context)
    config = json.loads(buildah("inspect", "--type", "image", name))["Docker"]["config"]
    equal(config["Healthcheck"]["Test"], ["CMD", "/acs-tokens", "health", "--url", image["health"]], f"{name}: health")


def check_archive(buildah, name, image):
    """Checks user, ports and files of the image as an OCI archive."""
    path = f"{buildah.folder}/{name}.tar"
    buildah("push", "--format", "oci", name, f"oci-archive:{path}")
    with tarfile.open(path) as archive:
        blob = lambda digest: archive.extractfile("blobs/" + digest.replace(":", "/"))
        index = json.load(archive.extractfile("index.json"))
        manifest = json.load(blob(index["manifests"][0]["digest"]))
        config = json.load(blob(manifest["config"]["digest"]))["config"]
        files, folders, total = {}, {}, 0
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=blob(layer["digest"])) as content:
                for member in content:
                    kind = files if member.isfile() else folders
                    kind[member.name.rstrip("/")] = (member.mode & 0o7777, member.uid)
                    total += member.size
                    if member.name == "acs-tokens":
                        equal(content.extractfile(member).read(4), b"\x7fELF", f"{name}: program")
    equal(config["User"], USER, f"{name}: user")
    equal(config["Entrypoint"], ["/acs-tokens"], f"{name}: entrypoint")
    equal(config["Cmd"], image["command"], f"{name}: command")
    equal(set(config["ExposedPorts"]), image["ports"], f"{name}: ports")
    equal(set(config.get("Volumes") or {}), image["volumes"], f"{name}: volumes")
    equal(files, image["files"], f"{name}: files")
    if name == "emulator":
        equal(folders.pop("tmp")[1], 65532, f"{name}: owner of /tmp")
    equal([folder for folder, (mode, owner) in folders.items() if mode & 0o022 or owner != 0], [], f"{name}: writable")
    if total >= LIMIT:
        sys.exit(f"{name} has {total} bytes, the limit is {LIMIT}")
    print(f"{name}: {total / 1e6:.1f} MB, {sorted(files)}")


def start(command, last):
    """Starts a program and returns its lines up to the one that matches, and the match."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    started.append(child)
    alarm = threading.Timer(WAIT_S, lambda: end(child))
    alarm.start()
    lines = []
    for line in child.stdout:
        lines.append(line.rstrip("\n"))
        if match := re.search(last, line):
            alarm.cancel()
            threading.Thread(target=child.stdout.read, daemon=True).start()
            return lines, match
    sys.exit(f"{command} ended after {lines}")


def end(child):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, 9)


def finish(command):
    """Runs a program to its end and returns its exit code and output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)
    return done.returncode, done.stdout, done.stderr


def status(url, **options):
    """Returns status and body of an answer."""
    request = urllib.request.Request(url, headers=options.pop("headers", {}))
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S, **options) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def own_address():
    """Returns an address of this machine that is not loopback, or None."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        with contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]


def check_emulator(buildah, emulator):
    """Runs the emulator, and returns its connection string over http and its address over https."""
    ports = ["--port", "0", "--https-port", "0"]
    run = buildah.run(emulator, "/acs-tokens", "emulator", "--host", "0.0.0.0", "--name", "emulator", *ports)
    lines, _ = start(run, r"Ctrl\+C stops it\.$")
    strings = [line for line in lines if line.startswith("endpoint=")]
    https, http = (re.match(r"endpoint=(https?://127\.0\.0\.1:(\d+))/;accesskey=", text) for text in strings[:2])
    equal(strings[2].split("/;")[0], f"endpoint=https://emulator:{https[2]}", "the string for other containers")

    code, out, _ = finish(buildah.run(emulator, "/acs-tokens", "health", "--url", http[1]))
    equal((code, out), (0, f"{http[1]}/api/health: alive\n"), "health of the emulator")
    equal(status(f"{http[1]}/health"), (200, '{"status":"alive"}'), "GET /health")

    # The files that a client outside of the container needs.
    _, pem = status(f"{http[1]}/certificate.pem")
    trusting = ssl.create_default_context(cadata=pem)
    equal(status(f"https://localhost:{https[2]}/health", context=trusting)[0], 200, "https")

    if address := own_address():
        url = f"http://{address}:{http[2]}/_emulator/state"
        equal(status(url, headers={"Host": "emulator"})[0], 403, "another client at the control API")
        admitting = [*run, "--control-from", f"{address}/32"]
        lines, _ = start(admitting, r"Ctrl\+C stops it\.$")
        port = re.search(r"http://127\.0\.0\.1:(\d+)", lines[0])[1]
        url = f"http://{address}:{port}/_emulator/state"
        equal(status(url, headers={"Host": "emulator"})[0], 200, "a client of --control-from")
        equal(status(url, headers={"Host": "attacker.example"})[0], 403, "another name of the emulator")
    else:
        print("NOT CHECKED: --control-from, because this machine has loopback addresses only")
    return strings[1], https[1]


def check_service(buildah, service, emulator, connection_string, https):
    """Runs the functions against the emulator, and the quickstart against them."""
    variables = {"COMMUNICATION_SERVICES_CONNECTION_STRING": connection_string, "CALLER_KEYS": f"test={KEY}"}
    run = buildah.run(service, "/acs-tokens", "serve", "--host", "0.0.0.0", "--port", "0", **variables)
    lines, _ = start(run, '"message":"serving"')
    port = json.loads(lines[-1])["address"].rsplit(":", 1)[1]
    url = f"http://127.0.0.1:{port}"
    for arguments, expected in [((), "alive"), (("--ready",), "ready")]:
        code, out, err = finish(buildah.run(service, "/acs-tokens", "health", "--url", url, *arguments))
        equal((code, out.rsplit(": ", 1)[-1]), (0, f"{expected}\n"), f"health of the service: {err}")
    run = buildah.run(emulator, "/acs-tokens", "quickstart", "--url", url, "--function-key", KEY)
    code, out, err = finish(run)
    equal(code, 0, f"quickstart: {err}")
    for expected in ["Created an identity: 8:acs:", "Issued an access token with 'voip' scope", "Deleted the identity"]:
        if expected not in out:
            sys.exit(f"quickstart: {expected!r} is not in {out!r}")

    # The service has root certificates, so it refuses the emulator for its issuer. The emulator has none.
    for container, expected in [(service, "UnknownIssuer"), (emulator, "root certificates")]:
        code, _, err = finish(buildah.run(container, "/acs-tokens", "health", "--url", https))
        if code == 0 or expected not in err:
            sys.exit(f"https: {expected!r} is not in {err!r}")


READ_ONLY = """
mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"
if [ -d "$1/tmp" ]; then mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"; fi
exec chroot --userspec=65532:65532 "$1" "${@:2}"
"""


def check_read_only(buildah, container, arguments, last, **variables):
    """Starts a program as the image's user where no file but those below /tmp can be written."""
    root = buildah("mount", container)
    script = ["unshare", "--mount", "bash", "-e", "-c", READ_ONLY, "read-only", root]
    code, _, err = finish([*script[:-3], 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && touch "$1/x"', "x", root])
    if code == 0 or "Read-only file system" not in err:
        sys.exit(f"the root is not read-only: {err}")
    env = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
    start([*env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *script, *arguments], last)


def main():
    with tempfile.TemporaryDirectory() as folder:
        buildah = Buildah(folder)
        try:
            containers = []
            for name, image in IMAGES.items():
                build(buildah, name, image)
                check_archive(buildah, name, image)
                containers.append(buildah("from", name))
            service, emulator = containers
            connection_string, https = check_emulator(buildah, emulator)
            check_service(buildah, service, emulator, connection_string, https)
            ports = ["--port", "0", "--https-port", "0"]
            check_read_only(buildah, emulator, ["/acs-tokens", "emulator", *ports], r"Ctrl\+C stops it\.$")
            settings = {"COMMUNICATION_SERVICES_CONNECTION_STRING": connection_string, "ALLOW_ANONYMOUS": "true"}
            check_read_only(buildah, service, ["/acs-tokens", "serve", "--port", "0"], '"serving"', **settings)
        finally:
            for child in started:
                end(child)
                child.wait(WAIT_S)
            buildah("umount", "--all")


main()

"""Checks the files that `cargo xtask dist` makes, installs from them with npm, npx, pip and uvx, and runs the program."""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import tomllib
import urllib.request
import zipfile

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.metadata import Metadata
from packaging.utils import parse_wheel_filename

DIST = pathlib.Path(sys.argv[1]).resolve()
CARGO = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["package"]
VERSION = CARGO["version"]
WAIT_S = 60  # the limit of every wait; a passing run does not wait for it
LICENCE = pathlib.Path("LICENSE").read_bytes()
# The npm package, the wheel's tags and the ELF machine (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html) of each target.
TARGETS = {
    "x86_64-unknown-linux-musl": ("linux-x64", "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64", 62),
    "aarch64-unknown-linux-musl": ("linux-arm64", "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64", 183),
    "aarch64-apple-darwin": ("darwin-arm64", "macosx_11_0_arm64", None),
}
PAGES = {"man1/acs-tokens.1", "completions/acs-tokens.bash", "completions/_acs-tokens", "completions/acs-tokens.fish"}


def equal(found, expected, what):
    if found != expected:
        sys.exit(f"{what}: found {found!r}, expected {expected!r}")


def holds(condition, what):
    if not condition:
        sys.exit(f"{what}: does not hold")


def tar(path, folder):
    """Returns content and mode of each file in a tar.gz, all below one folder."""
    files = {}
    with tarfile.open(path) as archive:
        for member in archive:
            holds(member.isfile() and member.uid == member.gid == 0, f"{path.name}: {member.name} is a plain file of root")
            first, name = member.name.split("/", 1)
            equal(first, folder, f"{path.name}: folder")
            files[name] = (archive.extractfile(member).read(), member.mode)
    return files


def check_program(program, machine, what):
    """Checks that a program is for this machine type, and on Linux that it needs no library."""
    if machine is None:
        return
    equal(program[:5], b"\x7fELF\x02", f"{what}: a 64-bit ELF program")
    equal(int.from_bytes(program[18:20], "little"), machine, f"{what}: machine")
    start, size, count = (int.from_bytes(program[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
    kinds = {int.from_bytes(program[start + i * size :][:4], "little") for i in range(count)}
    holds(3 not in kinds, f"{what}: has no program interpreter, so it is static")  # PT_INTERP


def check_archive(target, machine):
    """Checks archive, checksum and cargo binstall's templates, and returns the program."""
    path = DIST / f"acs-tokens-{target}.tar.gz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    equal(pathlib.Path(f"{path}.sha256").read_text(), f"{digest}  {path.name}\n", "checksum")
    files = tar(path, f"acs-tokens-{target}")
    holds(PAGES <= set(files), f"{path.name} has {sorted(PAGES)}")
    holds(all(name in PAGES or re.fullmatch(r"acs-tokens|LICENSE|README\.md|man1/acs-tokens[a-z-]*\.1", name) for name in files), sorted(files))
    equal({name for name, (_, mode) in files.items() if mode != 0o644}, {"acs-tokens"}, f"{path.name}: other modes")
    equal((files["acs-tokens"][1], files["LICENSE"][0]), (0o755, LICENCE), path.name)
    check_program(files["acs-tokens"][0], machine, path.name)

    binstall = CARGO["metadata"]["binstall"]
    values = {"repo": "REPO", "name": CARGO["name"], "version": VERSION, "target": target, "bin": "acs-tokens", "binary-ext": ""}
    expand = lambda text: re.sub(r"\{ ([a-z-]+) \}", lambda match: values[match[1]], text)
    equal(expand(binstall["pkg-url"]), f"REPO/releases/download/v{VERSION}/{path.name}", "binstall: pkg-url")
    equal(expand(binstall["bin-dir"]), f"acs-tokens-{target}/acs-tokens", "binstall: bin-dir")
    equal(binstall["pkg-fmt"], "tgz", "binstall: pkg-fmt")
    return files["acs-tokens"][0]


def check_npm(name, program):
    """Checks a package of npm and returns its package.json. Without a program it is the launcher."""
    path = DIST / "npm" / f"{name}-{VERSION}.tgz"
    files = tar(path, "package")
    package = json.loads(files["package.json"][0])
    equal((package["name"], package["version"], package["license"]), (name, VERSION, "MIT"), path.name)
    equal(package.get("scripts"), None, f"{path.name}: scripts")
    holds("binding.gyp" not in files, f"{path.name}: no build at installation")
    equal(files["LICENSE"][0], LICENCE, path.name)
    if program is None:
        equal(set(files), {"package.json", "LICENSE", "README.md", "bin/acs-tokens.js"}, path.name)
        equal(package["bin"], {"acs-tokens": "bin/acs-tokens.js"}, path.name)
        equal(package["optionalDependencies"], {f"acs-tokens-{node}": VERSION for node, _, _ in TARGETS.values()}, path.name)
        equal("dependencies" in package, False, path.name)
    else:
        equal(set(files), {"package.json", "LICENSE", "bin/acs-tokens"}, path.name)
        equal(files["bin/acs-tokens"], (program, 0o755), path.name)
        equal(f"acs-tokens-{package['os'][0]}-{package['cpu'][0]}", name, path.name)
    return package


def check_wheel(tags, program):
    path = DIST / "wheels" / f"acs_tokens-{VERSION}-py3-none-{tags}.whl"
    name, version, build, parsed = parse_wheel_filename(path.name)
    equal((name, str(version), build, len(parsed)), ("acs-tokens", VERSION, (), tags.count(".") + 1), path.name)
    base = f"acs_tokens-{VERSION}"
    with zipfile.ZipFile(path) as wheel:
        files = {info.filename: wheel.read(info) for info in wheel.infolist()}
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in wheel.infolist()}
    script, record = f"{base}.data/scripts/acs-tokens", f"{base}.dist-info/RECORD"
    others = {f"{base}.dist-info/{name}" for name in ("METADATA", "WHEEL", "licenses/LICENSE")}
    equal(set(files), {script, record, *others}, f"{path.name}: files")
    equal((modes[script], files[script]), (0o755, program), f"{path.name}: program")
    rows = [line.split(",") for line in files[record].decode().splitlines()]
    digest = lambda content: base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    expected = [[name, f"sha256={digest(content)}", str(len(content))] for name, content in files.items() if name != record]
    equal(sorted(rows), sorted([*expected, [record, "", ""]]), f"{path.name}: RECORD")
    metadata = Metadata.from_email(files[f"{base}.dist-info/METADATA"], validate=True)
    equal((metadata.name, str(metadata.version), metadata.license_expression), ("acs-tokens", VERSION, "MIT"), path.name)
    equal(metadata.description.startswith("# acs-tokens\n"), True, f"{path.name}: description")
    wheel = files[f"{base}.dist-info/WHEEL"].decode().splitlines()
    holds("Root-Is-Purelib: false" in wheel, f"{path.name}: has a program")
    equal({f"Tag: {tag}" for tag in parsed}, {line for line in wheel if line.startswith("Tag")}, f"{path.name}: tags")


def check_sbom(target, program):
    """Checks the list of packages against the schema of CycloneDX and Cargo.lock."""
    text = (DIST / f"acs-tokens-{target}.cdx.json").read_text()
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"{target}: not CycloneDX 1.6: {error}")
    sbom = json.loads(text)
    equal((sbom["bomFormat"], sbom["specVersion"]), ("CycloneDX", "1.6"), f"{target}: format")
    equal(sbom["metadata"]["component"]["hashes"][0]["content"], hashlib.sha256(program).hexdigest(), f"{target}: program of the SBOM")
    locked = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads(pathlib.Path("Cargo.lock").read_text())["package"]}
    listed = {(c["name"], c["version"]): c.get("hashes", [{}])[0].get("content") for c in sbom["components"]}
    for package, checksum in listed.items():
        equal(checksum, locked[package], f"{target}: checksum of {package}")
    names = {name for name, _ in listed}
    holds({"acs-identity", "acs-emulator", "axum", "rustls", "ring", "mimalloc"} <= names or "apple" in target, f"{target}: {names}")
    equal(names & {"proptest", "tree-sitter", "lambda_http", "windows-sys"}, set(), f"{target}: packages that are not in the program")
    references = {component["bom-ref"] for component in [sbom["metadata"]["component"], *sbom["components"]]}
    equal({entry["ref"] for entry in sbom["dependencies"]}, references, f"{target}: dependencies")
    holds(all(c["licenses"][0]["expression"] for c in sbom["components"]), f"{target}: every package has a licence")
    return len(listed)


class Registry(http.server.BaseHTTPRequestHandler):
    """A mirror of npm that has the packages of target/dist only: GET /<name> and GET /<file>.tgz."""

    asked = []

    def do_GET(self):
        name = self.path.strip("/")
        self.asked.append(name)
        host = f"http://{self.headers['Host']}"
        content = None
        if name.endswith(".tgz"):
            content = (DIST / "npm" / name).read_bytes()
        elif (path := DIST / "npm" / f"{name}-{VERSION}.tgz").exists():
            package = json.loads(tar(path, "package")["package.json"][0])
            integrity = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
            package["dist"] = {"tarball": f"{host}/{path.name}", "integrity": integrity}
            content = json.dumps({"name": name, "dist-tags": {"latest": VERSION}, "versions": {VERSION: package}}).encode()
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content or b"{}")))
        self.end_headers()
        self.wfile.write(content or b"{}")

    def log_message(self, *_):
        pass


def run(*command, code=0, **options):
    """Runs a command to its end and returns what it prints."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=WAIT_S, **options)
    equal(done.returncode, code, f"{command}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


@contextlib.contextmanager
def started(*command, **options):
    """Starts a program, and yields it with the addresses that it prints before it is ready. Kills it and its children at the end."""
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, start_new_session=True, **options)
    kill = lambda: contextlib.suppress(ProcessLookupError) and os.killpg(child.pid, signal.SIGKILL)
    alarm = threading.Timer(WAIT_S, kill)
    alarm.start()
    lines = []
    try:
        for line in child.stdout:
            lines.append(line)
            if "Ctrl+C stops it." in line:
                break
        else:
            sys.exit(f"{command} ended after {lines}")
        yield child, re.findall(r"http://127\.0\.0\.1:\d+", "".join(lines))
    finally:
        alarm.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(WAIT_S)


def answers(url):
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        equal(answer.status, 200, url)
        return json.load(answer)


def check_node(folder, own):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {**os.environ, "npm_config_registry": f"http://127.0.0.1:{server.server_port}", "npm_config_ignore_scripts": "true"}
    with started("npx", "--yes", "acs-tokens", "emulator", "--port", "0", "--https-port", "0", cwd=folder, env=env) as (_, urls):
        equal(answers(f"{urls[0]}/health"), {"status": "alive"}, "npx acs-tokens emulator")

    run("npm", "install", "acs-tokens", cwd=folder, env=env)
    installed = {path.name for path in (folder / "node_modules").iterdir() if path.name.startswith("acs-tokens")}
    equal(installed, {"acs-tokens", f"acs-tokens-{own}"}, "the packages that npm installed")
    program = folder / "node_modules/.bin/acs-tokens"
    equal(run(program, "--version"), f"acs-tokens {VERSION}\n", "npm: version")
    run(program, "--no-such-option", code=2)
    equal(run(program, "token", "decode", "--output", "tsv", "-", code=1, input="x")[:6], "error:", "npm: stdin and exit code")
    for number in (signal.SIGTERM, signal.SIGINT):
        with started(program, "emulator", "--port", "0", "--https-port", "0", env=env) as (child, urls):
            answers(f"{urls[0]}/health")  # the program prints its address before it handles signals
            child.send_signal(number)
            equal(child.wait(WAIT_S), 0, f"npm: exit code after {number.name}")
    with started(program, "emulator", "--port", "0", "--https-port", "0", env=env) as (child, _):
        children = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children")
        if children.exists():
            os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
            equal(child.wait(WAIT_S), 128 + signal.SIGKILL, "npm: exit code after a signal ended the program")

    shutil.rmtree(folder / f"node_modules/acs-tokens-{own}")
    text = run(program, "--version", code=1)
    holds(f"npm did not install acs-tokens-{own}; run npm install acs-tokens-{own}@{VERSION}" in text, text)
    other = "Object.defineProperty(process, 'platform', { value: 'sunos' }); require('./node_modules/acs-tokens/bin/acs-tokens.js')"
    text = run("node", "-e", other, code=1, cwd=folder)
    holds("no package for sunos-" in text and all(node in text for node, _, _ in TARGETS.values()), text)

    tarballs = [DIST / "npm" / f"{name}-{VERSION}.tgz" for name in (f"acs-tokens-{own}", "acs-tokens")]
    (local := folder / "local").mkdir()
    (local / "package.json").write_text("{}")  # else npm installs into the folder above
    run("npm", "install", *tarballs, "--ignore-scripts", cwd=local, env=env)
    equal(run(local / "node_modules/.bin/acs-tokens", "--version"), f"acs-tokens {VERSION}\n", "npm: files")
    server.shutdown()


def check_python(folder):
    wheels = ["--no-index", "--find-links", DIST / "wheels"]
    ports = ["--port", "0", "--emulator-port", "0", "--emulator-https-port", "0", "--data", folder / "data"]
    with started("uvx", "--offline", *wheels, "acs-tokens", "dev", *ports, cwd=folder) as (_, urls):
        equal(answers(f"{urls[0]}/api/health")["status"], "alive", "uvx acs-tokens dev")
    run(sys.executable, "-m", "venv", folder / "venv")
    run(folder / "venv/bin/pip", "install", *wheels, "acs-tokens", cwd=folder)
    equal(run(folder / "venv/bin/acs-tokens", "--version"), f"acs-tokens {VERSION}\n", "pip: version")
    equal(run(folder / "venv/bin/pip", "check"), "No broken requirements found.\n", "pip check")


def main():
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine().lower()]
    own = f"{sys.platform}-{machine}"
    made = [path.name.removeprefix("acs-tokens-").removesuffix(".tar.gz") for path in DIST.glob("*.tar.gz")]
    holds(own in [TARGETS[target][0] for target in made], f"target/dist has the program for this machine: {made}")
    check_npm("acs-tokens", None)
    for target in made:
        node, tags, elf = TARGETS[target]
        program = check_archive(target, elf)
        check_npm(f"acs-tokens-{node}", program)
        check_wheel(tags, program)
        print(f"{target}: archive, npm package, wheel and an SBOM of {check_sbom(target, program)} packages")
    count = lambda pattern: len(list(DIST.glob(pattern)))
    equal((count("*"), count("npm/*"), count("wheels/*")), (3 * len(made) + 2, len(made) + 1, len(made)), "number of files")
    with tempfile.TemporaryDirectory() as folder:
        check_node(pathlib.Path(folder), own)
    with tempfile.TemporaryDirectory() as folder:
        check_python(pathlib.Path(folder))
    print("npx, npm, uvx and pip run the program")


main()

"""Servers for the tests, each on a free port of the loopback interface, started on the first use of its fixture.

Import the fixtures into a test module to use them. If the program of a server is not installed, the tests are
skipped with a message.
"""

import functools
import http.server
import logging
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"
START_TIMEOUT = 300.0
NO_AZURITE = "Azurite is not installed (npm install azurite; ZARRCY_AZURITE names its azurite-blob)"


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    """Wait until a process listens at a port. Raise RuntimeError if the process ends first."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        try:
            with socket.create_connection((HOST, port), timeout=1.0):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]} did not listen after {START_TIMEOUT} s")


def run(command, port, log):
    """Run a server until the generator is closed."""
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(START_TIMEOUT)


@pytest.fixture(scope="session", name="redis_port")
def redis_port_fixture(tmp_path_factory):
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: package redis-server)")
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", HOST, "--dir", str(folder)]
    yield from run([*command, "--save", "", "--appendonly", "no"], port, folder / "log")


@pytest.fixture(scope="session", name="s3_endpoint")
def s3_endpoint_fixture():
    """Return the URL of moto's S3 server, with an empty bucket `zarrcy`."""
    moto_server = pytest.importorskip(
        "moto.server", reason="moto's server is not installed (moto[s3,server])"
    )
    server = moto_server.ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    # it logs each request otherwise
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server.start()
    try:
        host, port = server.get_host_and_port()
        make_bucket = urllib.request.Request(f"http://{host}:{port}/zarrcy", method="PUT")
        with urllib.request.urlopen(make_bucket):
            yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(name="http_url")
def http_url_fixture(tmp_path):
    """Return the URL of a plain HTTP server, which has no range requests, and the folder whose files it serves."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), functools.partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}", tmp_path
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def azurite_command():
    """Return the command that starts Azurite, which npm installs; None if it is not installed."""
    command = os.environ.get("ZARRCY_AZURITE") or shutil.which("azurite-blob")
    local = ROOT / ".azurite" / "node_modules" / ".bin" / "azurite-blob"
    return command or (str(local) if local.exists() else None)


@pytest.fixture(scope="session", name="azure_account")
def azure_account_fixture(tmp_path_factory):
    """Return the connection string of Azurite."""
    program = azurite_command()
    if program is None:
        pytest.skip(NO_AZURITE)
    port, folder = free_port(), tmp_path_factory.mktemp("azurite")
    # the only account of Azurite, with the key from its documentation
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    account = f"http://{HOST}:{port}/devstoreaccount1"
    command = [program, "--blobHost", HOST, "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    command += ["--skipApiVersionCheck", "--disableTelemetry"]
    for _ in run(command, port, folder / "log"):
        yield f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};BlobEndpoint={account};"

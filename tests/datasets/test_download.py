"""Downloads against a server on the loopback address, from good to malicious."""

import gzip
import io
import socket
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from file_examples import ARRAYS, CONTENT, idx_bytes

from minivae.datasets import mnist
from minivae.datasets.download import download


class Server(ThreadingHTTPServer):
    """Answers with `files`, path -> body; `cut` bytes of each body are held back."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/data/{n}.gz": gzip.compress(c) for n, c in CONTENT.items()}
        self.asked = []
        self.cut = 0
        self.announce = True
        self.url = f"http://127.0.0.1:{self.server_port}/data/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        body = self.server.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        if self.server.announce:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) - self.server.cut])

    def log_message(self, *arguments):
        """Nothing: the tests' output stays readable."""


@pytest.fixture
def server(monkeypatch):
    hashes = {name: sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(mnist, "MNIST_SHA256", hashes)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def accept(path):
    """Take any content."""


def test_mnist_is_downloaded_once_and_then_read_from_the_cache(server, tmp_path):
    images = mnist.load_mnist(cache=tmp_path / "new", base_url=server.url)
    np.testing.assert_array_equal(
        images.train, ARRAYS["train-images-idx3-ubyte"].reshape(9, 20)
    )
    np.testing.assert_array_equal(
        images.test, ARRAYS["t10k-images-idx3-ubyte"].reshape(3, 20)
    )
    np.testing.assert_array_equal(images.train_labels, ARRAYS["train-labels-idx1-ubyte"])
    np.testing.assert_array_equal(images.test_labels, ARRAYS["t10k-labels-idx1-ubyte"])
    assert (images.max_count, images.shape, images.name) == (255, (4, 5), "mnist")
    wanted = sorted(f"{name}.gz" for name in CONTENT)
    assert sorted(p.name for p in (tmp_path / "new" / "mnist").iterdir()) == wanted
    assert sorted(server.asked) == sorted(f"/data/{name}" for name in wanted)
    again = mnist.load_mnist(cache=tmp_path / "new", base_url=server.url)
    np.testing.assert_array_equal(again.train, images.train)
    assert len(server.asked) == 4, "the second load asked the server again"


def test_only_what_is_missing_is_downloaded(server, tmp_path):
    (tmp_path / "mnist").mkdir()
    name = "t10k-labels-idx1-ubyte"
    (tmp_path / "mnist" / name).write_bytes(CONTENT[name])
    mnist.load_mnist(cache=tmp_path, base_url=server.url.rstrip("/"))
    assert len(server.asked) == 3 and f"/data/{name}.gz" not in server.asked


@pytest.mark.parametrize(
    ("variable", "below"),
    [("MINIVAE_CACHE", "mnist"), ("XDG_CACHE_HOME", "minivae/mnist")],
)
def test_the_cache_follows_the_environment(server, tmp_path, monkeypatch, variable, below):
    monkeypatch.delenv("MINIVAE_CACHE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    mnist.load_mnist(base_url=server.url)
    assert len(list((tmp_path / below).glob("*.gz"))) == 4


def test_the_cache_is_in_the_home_folder_by_default(server, tmp_path, monkeypatch):
    monkeypatch.delenv("MINIVAE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(mnist.Path, "home", lambda: tmp_path)
    mnist.load_mnist(base_url=server.url)
    assert len(list((tmp_path / ".cache/minivae/mnist").glob("*.gz"))) == 4


def broken(server, how):
    """Make the server misbehave; what the error must then speak of."""
    name = "/data/train-images-idx3-ubyte.gz"
    if how == "missing":
        del server.files[name]
        return "404"
    if how == "another content":
        other = ARRAYS["train-images-idx3-ubyte"] ^ 1
        server.files[name] = gzip.compress(idx_bytes(other))
        return "sha256"
    if how == "a web page":
        server.files[name] = b"<html>Please log in to this network</html>"
        return "two zero bytes"
    server.cut = 7
    if how == "cut short":
        return "cut short: expected"
    server.announce = False  # cut short, and no Content-Length to see it by
    return "not a sound IDX file"


@pytest.mark.parametrize(
    "how",
    ["missing", "another content", "a web page", "cut short", "cut short in silence"],
)
def test_a_failed_download_leaves_nothing_and_tells_what_to_do(server, tmp_path, how):
    words = broken(server, how)
    with pytest.raises(ConnectionError) as caught:
        mnist.load_mnist(cache=tmp_path, base_url=server.url)
    message = str(caught.value)
    assert words in message
    assert server.url in message
    assert str(tmp_path / "mnist") in message
    for name in CONTENT:
        assert f"{name}.gz\n" in message, f"{name} is not asked for in: {message}"
    assert list((tmp_path / "mnist").iterdir()) == []


def test_a_server_that_refuses_is_told_apart(server, tmp_path):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # a port of our own that nobody listens at
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(ConnectionError, match=r"refused[\s\S]*put there by hand"):
            mnist.load_mnist(cache=tmp_path, base_url=url)


def test_the_next_mirror_is_tried(server, tmp_path, monkeypatch):
    mirrors = (server.url.replace("/data/", "/gone/"), server.url)
    monkeypatch.setattr(mnist, "MNIST_URLS", mirrors)
    images = mnist.load_mnist(cache=tmp_path)
    assert len(images.train) == 9
    assert len(server.asked) == 8


def test_an_address_without_http_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"base_url: expected http.*'file:///etc'"):
        mnist.load_mnist(cache=tmp_path, base_url="file:///etc")


def test_an_interrupt_leaves_nothing_and_is_passed_on(server, tmp_path):
    def interrupt(path):
        assert path.exists()
        raise KeyboardInterrupt

    url = f"{server.url}train-labels-idx1-ubyte.gz"
    with pytest.raises(KeyboardInterrupt):
        download([url], tmp_path / "labels", interrupt, io.StringIO())
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_earlier_file_alone(server, tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(b"good")
    server.cut = 1
    with pytest.raises(ConnectionError):
        download([f"{server.url}train-labels-idx1-ubyte.gz"], path, accept)
    assert path.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [path]


def test_progress_renews_one_line_on_a_terminal_and_is_one_line_elsewhere(server, tmp_path):
    server.files["/data/big"] = bytes(300_000)
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        download([f"{server.url}big"], tmp_path / "big", accept, stream)
        assert (tmp_path / "big").stat().st_size == 300_000
    text = terminal.getvalue()
    assert text.count("\r") >= 4 and text.count("\n") == 1
    assert text.endswith("\rbig: 0.3 of 0.3 MB\n")
    assert pipe.getvalue() == f"big: 0.3 MB fetched from {server.url}big\n"


def test_a_path_may_be_text(server, tmp_path):
    url = f"{server.url}train-labels-idx1-ubyte.gz"
    download([url], str(tmp_path / "new" / "labels"), lambda path: None)
    assert (tmp_path / "new" / "labels").stat().st_size > 0

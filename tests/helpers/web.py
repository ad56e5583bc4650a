"""A server on this machine that can fail in many ways, with a Hugging Face hub under /datasets/."""

import gzip
import hashlib
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import nibabel as nib
import numpy as np
from conftest import AFFINE


def volume(shape, seed=0, kind=np.int16):
    """The bytes of a gzipped NIfTI file with incompressible voxels."""
    voxels = np.random.default_rng(seed).integers(0, 3 if kind == np.uint8 else 1000, shape).astype(kind)
    return nib.Nifti1Image(voxels, AFFINE).to_bytes()


def gzipped(content):
    return gzip.compress(content, 1, mtime=0)


class Server(ThreadingHTTPServer):
    """A server of `files`; `faults` lists for each path the faults that come before the correct answers."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests, self.closing = {}, {}, [], threading.Event()
        self.ranges, self.retry_after, self.shift = True, None, 0
        self.most = None  # bytes of a range
        self.at_once, self.most_at_once, self.counting = 0, 0, threading.Lock()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        with suppress(ConnectionError):
            self.answer()

    def read_fault(self):
        """Wait if that is the fault; a client that has its answer, and asks on, is not counted twice."""
        server = self.server
        with server.counting:
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        fault = server.faults[self.path].pop(0) if server.faults.get(self.path) else None
        if fault == "wait":  # so that a second request would meet this one
            fault = server.closing.wait(0.5) or None
        with server.counting:
            server.at_once -= 1
        return fault

    def say(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def answer(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        fault = self.read_fault()
        content = server.files.get(self.path, server.files.get(self.path.removeprefix("/store")))
        if fault == "drop":
            self.close_connection = True
        elif isinstance(fault, int) or content is None:
            self.say(fault or 404, Content_Length=0, **({"Retry_After": server.retry_after} if fault else {}))
        elif self.path.startswith("/datasets/"):
            self.say(
                302,
                Content_Length=0,
                Location=f"http://localhost:{server.server_port}/store{self.path}",  # another host
                X_Repo_Commit="0" * 40,
                X_Linked_Etag=f'"{hashlib.sha256(content).hexdigest()}"',
                X_Linked_Size=len(content),
            )
        else:
            self.give(content, fault)

    def give(self, content, fault):
        server, begin = self.server, 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and server.ranges and int(asked[1]) >= len(content):
            self.say(416, Content_Length=0, Content_Range=f"bytes */{len(content)}")
            return
        if asked and server.ranges:
            begin = int(asked[1]) + server.shift
            end = min(len(content), begin + (server.most or len(content)))
            given = f"bytes {begin}-{end - 1}/{len(content)}"
            content = content[begin:end]
            self.say(206, Content_Length=len(content), Content_Range=given)
        else:
            self.say(200, Content_Length=len(content))
        if fault:  # half of it
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            if fault == "stall":
                server.closing.wait(30)
            if fault == "change":
                server.files[self.path] = server.other
            self.close_connection = True
        else:
            self.wfile.write(content)

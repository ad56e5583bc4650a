"""A server on this machine that does everything servers do."""

import gzip
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import nibabel as nib
import numpy as np
from conftest import AFFINE


def volume(shape, seed=0, kind=np.int16):
    """A gzipped NIfTI file's bytes; incompressible, so that half of it is half of it."""
    voxels = np.random.default_rng(seed).integers(0, 3 if kind == np.uint8 else 1000, shape).astype(kind)
    return nib.Nifti1Image(voxels, AFFINE).to_bytes()


def gzipped(content):
    return gzip.compress(content, 1, mtime=0)


class Server(ThreadingHTTPServer):
    """Serves `files`; `behave` decides per request: a list of what to do first, then it serves well."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests, self.closing = {}, {}, [], threading.Event()
        self.ranges, self.tags, self.retry_after, self.shift = True, True, None, 0
        self.dated = False  # by the day it was changed, and a tag that does not stand for every byte
        self.most, self.delay = None, 0  # bytes of a range, seconds
        self.at_once, self.most_at_once, self.counting = 0, 0, threading.Lock()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        with server.counting:
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            self.answer()
        except ConnectionError:
            pass
        finally:
            with server.counting:
                server.at_once -= 1

    def answer(self):
        server = self.server
        server.closing.wait(server.delay)
        server.requests.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
        fault = server.faults[self.path].pop(0) if server.faults.get(self.path) else None
        if isinstance(fault, int) or self.path not in server.files:
            self.send_response(fault or 404)
            self.send_header("Content-Length", "0")
            if self.server.retry_after:
                self.send_header("Retry-After", self.server.retry_after)
            self.end_headers()
            return
        content = server.files[self.path]
        tag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
        begin = 0
        if server.dated:
            tag = "Thu, 01 Jan 2026 00:00:00 GMT"
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and server.ranges and self.headers.get("If-Range", tag) == tag:
            begin = int(asked[1]) + server.shift
            self.send_response(206)
            end = min(len(content), begin + (server.most or len(content)))
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
            content = content[:end]
        else:
            self.send_response(200)
        if server.dated:
            self.send_header("ETag", 'W/"weak"')
            self.send_header("Last-Modified", tag)
        elif server.tags:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        if fault in ("truncate", "stall", "change"):
            self.wfile.write(content[begin : begin + (len(content) - begin) // 2])
            self.wfile.flush()
            if fault == "stall":
                server.closing.wait(30)
            if fault == "change":
                server.files[self.path] = server.other
            self.close_connection = True
            return
        self.wfile.write(content[begin:])

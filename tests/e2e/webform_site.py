"""A served site with lead forms, for the browser tests: pages on one origin, the hub on another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from string import Template

_HEAD = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>演示公司</title>
<style>body{font:16px/1.6 "Noto Sans CJK SC",sans-serif;max-width:26rem;margin:2rem auto;color:#222}
label{display:block;margin:.6rem 0}input[type=text],input[type=tel]{width:100%;padding:.5rem;
box-sizing:border-box}button{padding:.6rem 2rem}[aria-invalid=true]{outline:2px solid #c00}</style>
<script src="$hub/hub.js" $options defer></script></head><body>"""
_FORM = """<h1>预约咨询</h1><form data-hub-form="$form" method="post" action="$hub/forms/$form">
<input type="hidden" name="utm_source"><input type="hidden" name="bd_vid">
<input type="hidden" name="landing_url"><input type="hidden" name="utm_term" value="写死的词">
<label>姓名 <input type="text" name="name" required></label>
<label>手机 <input type="tel" name="mobile" required></label>
<label><input type="checkbox" name="need" value="装修"> 装修</label>
<label><input type="checkbox" name="need" value="设计"> 设计</label>
<label><input type="checkbox" name="privacy" data-hub-consent="2026-09"> 我同意隐私政策</label>
<button>提交</button></form>"""
_PAGES = {
    "/landing": '<a href="/about">关于我们</a>',
    "/about": '<a href="/form">预约</a>',
    "/form": _FORM,
    "/elsewhere": '<a href="$other/form">演示公司</a>',
}


class Site:
    """The site while it is served. `url` is its address, `other_host` the same by another name."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.other_host = f"http://localhost:{port}"
        self.hub = ""
        self.form = "contact"
        self.options = 'data-retry-ms="50,100,200"'

    def page(self, path: str) -> str | None:
        """The text of a page, or None if there is none."""
        name = path.partition("?")[0]
        if name not in _PAGES:
            return None
        head = "" if name == "/elsewhere" else _HEAD
        return Template(head + _PAGES[name]).substitute(
            hub=self.hub, form=self.form, options=self.options, other=self.url
        )


@contextmanager
def serve_site() -> Iterator[Site]:
    """A site on a free port of this machine, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = site.page(self.path)
            self.send_response(404 if text is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

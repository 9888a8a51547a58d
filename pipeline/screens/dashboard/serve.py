"""The dashboard's server, a process of its own: lines of JSON in from the session, pages and a web socket out.

    python -m pipeline.screens.dashboard.serve --port 8077 [--lan]

It listens on the loopback alone; with --lan on all networks. On standard output it says once `up` with its addresses,
or `failed`, and then the commands that browsers give. It ends when its input ends.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any

import uvicorn
from fastapi import FastAPI, WebSocket
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

from pipeline.screens.dashboard.access import ROLE, Access, Gate, Role
from pipeline.screens.dashboard.addresses import LOOPBACK, allowed_hosts, network_addresses
from pipeline.screens.dashboard.hub import Hub
from pipeline.screens.priority import following

_TRIED = 20
_LONGEST = 65_536
_FULL = 4008
"""Code of a web socket that is closed because too many pages are open; web/stream.js knows it."""
_LINGER_S = 0.3
"""After the last line: time for browsers to get it."""


class Server:
    """The server of one session. say: hands a message to the session."""

    def __init__(self, port: int, lan: bool, say: Callable[[dict[str, Any]], None]) -> None:
        self._socket = _listening(port, lan)
        self.port = int(self._socket.getsockname()[1])
        self.hub = Hub(say)
        self.access = Access(self.port)
        networks = network_addresses() if lan else []
        hosts = allowed_hosts(self.port, networks)
        self._shown = [*networks, LOOPBACK[0]]
        app = application(self.hub, self.addresses)
        config = uvicorn.Config(
            Gate(app, self.access, hosts),
            log_config=None,
            access_log=False,
            lifespan="on",
            ws_max_size=_LONGEST,
            ws_per_message_deflate=False,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(config)

    def addresses(self, role: Role) -> list[str]:
        """The addresses that let a browser in, those of the network first."""
        return [f"http://{host}:{self.port}/?token={self.access.tokens[role]}" for host in self._shown]

    async def run(self, lines: IO[str], up: Callable[[], None]) -> None:
        """Until the lines end. up: called when browsers can come."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def read() -> None:
            try:
                for text in lines:
                    loop.call_soon_threadsafe(self.hub.take, text.rstrip("\n"))
                loop.call_soon_threadsafe(ended.set)
            except RuntimeError:  # The loop is closed: the server has ended for another reason.
                pass

        serving = asyncio.create_task(self._uvicorn.serve(sockets=[self._socket]))
        while not self._uvicorn.started and not serving.done():
            await asyncio.sleep(0.02)
        if not serving.done():
            up()
            threading.Thread(target=read, daemon=True).start()
            await asyncio.wait({asyncio.create_task(ended.wait()), serving}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(_LINGER_S)
        self._uvicorn.should_exit = True
        await serving


def application(hub: Hub, addresses: Callable[[Role], list[str]]) -> FastAPI:
    """Pages, their files, the stream of a session, and its report. addresses: that let in a role."""
    from nicegui import ui

    from pipeline.screens.dashboard import page

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/web", StaticFiles(directory=Path(__file__).parent / "web"))

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        send: Callable[[str], Awaitable[None]] = socket.send_text
        try:
            served = await hub.serve(socket.scope[ROLE], send, socket.receive_text)
            await socket.close(1000 if served else _FULL)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            pass  # The browser has gone.

    @app.get("/report")
    def report() -> Response:
        if hub.report and Path(hub.report).is_file():
            return FileResponse(hub.report, media_type="text/html", headers={"cache-control": "no-store"})
        return HTMLResponse("<p>There is no report yet: it is written when the session has ended.</p>", 404)

    page.add_pages(addresses)
    ui.run_with(
        app,
        title="kneetrack",
        favicon=Path(__file__).parent / "web" / "icon.svg",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10.0,
        binding_refresh_interval=None,
        gzip_middleware_factory=None,
    )
    return app


def _listening(port: int, lan: bool) -> socket.socket:
    """The first free port from here on."""
    host = "0.0.0.0" if lan else LOOPBACK[0]
    for tried in range(port, port + _TRIED) if port else (0,):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name != "nt":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, tried))
        except OSError:
            listening.close()
            continue
        return listening
    raise OSError(f"the ports {port} to {port + _TRIED - 1} are taken: choose another with --port")


def main() -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8077)
    parser.add_argument("--lan", action="store_true")
    options = parser.parse_args()
    following()
    # Whatever a package prints is not for the session.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    said = threading.Lock()

    def say(message: dict[str, Any]) -> None:
        with said:
            print(json.dumps(message), file=out, flush=True)

    code = 0
    try:
        server = Server(options.port, options.lan, say)
        addresses = {role.value: server.addresses(role) for role in Role}
        asyncio.run(server.run(sys.stdin, lambda: say({"kind": "up", **addresses})))
    except Exception as error:  # Said to the session in one line, whatever it is.
        say({"kind": "failed", "why": " ".join(str(error).split()) or type(error).__name__})
        code = 1
    # A thread may still wait for input, and would hold up an orderly end.
    os._exit(code)


if __name__ == "__main__":
    main()

"""Who may see the dashboard and who may act on it: tokens, cookies, and a gate in front of every request.

A random token of 128 bits stands in the printed address and is exchanged once for a cookie that scripts cannot read
(HttpOnly) and that other sites cannot send (SameSite=Strict); cookie and token are different secrets. One token lets
look, the other one act as well. The gate stands before the whole application, web sockets included. It refuses a Host
that is not ours (a page elsewhere whose name was made to point to this computer: DNS rebinding), and an Origin that is
not ours (a page elsewhere, or another port, that calls this server with the browser's cookie); a web socket has to name
its Origin. What it lets through carries a policy that forbids the page every request to anywhere else.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Collection, Mapping
from enum import StrEnum
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROLE = "kneetrack_role"
"""Key of the role in the scope of a request."""
PAGES = ("/", "/calibration", "/placement")
_BYTES = 16
_SESSIONS = 256
_ENTERED = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={}">'
    "<title>kneetrack</title>"
)
_REFUSED = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>kneetrack</title><style>:root{{color-scheme:light dark}}"
    "body{{font:1.2rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;"
    "padding:0 1rem}}</style><h1>Not open to everyone</h1><p>{}</p>"
)
_NO_TOKEN = (
    "This page needs the address that kneetrack printed when it started, with all that follows the question mark, or "
    "its square code. An address of an earlier session is no longer valid."
)


class Role(StrEnum):
    """What a browser may do."""

    VIEW = "view"
    CONTROL = "control"


class Access:
    """The tokens of one server, and the cookies that were given for them.

    port : part of the cookie's name, for cookies do not tell ports apart.
    """

    def __init__(self, port: int) -> None:
        self.tokens = {role: secrets.token_urlsafe(_BYTES) for role in Role}
        self.cookie = f"kneetrack_{port}"
        self._given: OrderedDict[str, Role] = OrderedDict()

    def enter(self, token: str) -> str | None:
        """A fresh cookie value for a token; None where the token is wrong. The oldest of too many are forgotten."""
        for role, right in self.tokens.items():
            if hmac.compare_digest(token.encode(), right.encode()):
                value = secrets.token_urlsafe(_BYTES)
                self._given[value] = role
                while len(self._given) > _SESSIONS:
                    self._given.popitem(last=False)
                return value
        return None

    def role(self, cookies: str) -> Role | None:
        """Whose cookie this is. cookies: the text of the request's header."""
        try:
            morsel = SimpleCookie(cookies).get(self.cookie)
        except CookieError:
            return None
        return None if morsel is None else self._given.get(morsel.value)


class Gate:
    """An ASGI application in front of another one; the role of whom it lets through stands in `scope[ROLE]`.

    app : what is guarded. access : who may enter. hosts : names and addresses of this server, with the port.
    """

    def __init__(self, app: ASGIApp, access: Access, hosts: Collection[str]) -> None:
        self._app = app
        self._access = access
        self._hosts = {host.casefold() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        host = headers.get("host", "").casefold()
        if host not in self._hosts:
            await _refuse(scope, receive, send, 421, "This is not the name of this server.")
        elif not self._ours(scope, headers, host):
            await _refuse(scope, receive, send, 403, "Another page may not use this one.")
        else:
            await self._let_in(scope, receive, send, headers, host)

    def _ours(self, scope: Scope, headers: Mapping[str, str], host: str) -> bool:
        """Whether the request comes from a page of ours, or from the person."""
        origin = headers.get("origin")
        if origin is None:
            return scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        found = urlsplit(origin)
        return found.scheme == "http" and found.netloc.casefold() == host

    async def _let_in(self, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str], host: str) -> None:
        token = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if token and scope["type"] == "http":
            value = self._access.enter(token)
            if value is None:
                await _refuse(scope, receive, send, 403, _NO_TOKEN)
                return
            cookie = f"{self._access.cookie}={value}; HttpOnly; SameSite=Strict; Path=/"
            page = scope["path"] if scope["path"] in PAGES else PAGES[0]
            await _answer(send, 200, _ENTERED.format(page), [("set-cookie", cookie)])
            return
        role = self._access.role(headers.get("cookie", ""))
        if role is None:
            await _refuse(scope, receive, send, 403, _NO_TOKEN)
            return
        await self._app({**scope, ROLE: role}, receive, _guarded(send, host))


def policy(host: str) -> list[tuple[str, str]]:
    """The headers that keep a page from speaking to anybody else. host: of the request, with the port."""
    sources = (
        "default-src 'self' data: blob:",
        # Vue compiles its templates in the browser, and the page's own scripts stand in it.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        f"connect-src 'self' ws://{host}",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
    )
    return [
        ("content-security-policy", "; ".join(sources)),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ]


def _guarded(send: Send, host: str) -> Send:
    added = [(name.encode(), value.encode("latin-1")) for name, value in policy(host)]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending


def _headers(scope: Scope) -> dict[str, str]:
    """Names in lower case; several cookies' headers are one."""
    found: dict[str, str] = {}
    for key, value in scope["headers"]:
        name, text = key.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}; {text}" if name == "cookie" and name in found else text
    return found


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "not allowed"})
        return
    await _answer(send, status, _REFUSED.format(why), [])


async def _answer(send: Send, status: int, text: str, more: list[tuple[str, str]]) -> None:
    headers: list[Any] = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        *more,
    ]
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": text.encode()})

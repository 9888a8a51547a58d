"""Who is let in: tokens become cookies, other names and other pages are refused, web sockets as well."""

import re
from http.cookies import SimpleCookie

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from pipeline.screens.dashboard.access import ROLE, Access, Gate, Role

HOST = "127.0.0.1:8077"
OURS = f"http://{HOST}"


async def _who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.scope[ROLE]))


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(str(socket.scope[ROLE]))
    await socket.close()


@pytest.fixture
def gate() -> tuple[Access, TestClient]:
    access = Access(8077)
    routes = [Route("/", _who, methods=["GET", "POST"]), WebSocketRoute("/stream", _socket)]
    app = Gate(Starlette(routes=routes), access, [HOST, "localhost:8077"])
    return access, TestClient(app, base_url=OURS)


def _entered(access: Access, client: TestClient, role: Role) -> str:
    answer = client.get("/", params={"token": access.tokens[role]})
    assert answer.status_code == 200
    return answer.headers["set-cookie"]


@pytest.mark.parametrize("role", Role)
def test_a_token_becomes_a_cookie_of_its_role(gate: tuple[Access, TestClient], role: Role) -> None:
    access, client = gate
    cookie = _entered(access, client, role)
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    value = next(iter(SimpleCookie(cookie).values())).value
    assert value not in access.tokens.values()
    assert client.get("/").text == role.value


def test_tokens_are_of_128_bits_and_all_different() -> None:
    tokens = [token for _ in range(50) for token in Access(1).tokens.values()]
    assert len(set(tokens)) == len(tokens)
    # 22 characters of base 64 hold 132 bits.
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in tokens)


@pytest.mark.parametrize("token", ["wrong", "A" * 22, "é", "%00"])
def test_a_wrong_token_is_refused(gate: tuple[Access, TestClient], token: str) -> None:
    answer = gate[1].get("/", params={"token": token})
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("cookie", ["", "kneetrack_8077=made-up", "kneetrack_8077", "=;;=", 'a="\\'])
def test_nobody_enters_without_a_right_cookie(gate: tuple[Access, TestClient], cookie: str) -> None:
    answer = gate[1].get("/", headers={"cookie": cookie})
    assert answer.status_code == 403
    with pytest.raises(WebSocketDisconnect), gate[1].websocket_connect("/stream", headers={"origin": OURS}):
        pass


@pytest.mark.parametrize("host", ["evil.example:8077", "127.0.0.1:8078", "127.0.0.1", ""])
def test_another_name_for_this_computer_is_refused(gate: tuple[Access, TestClient], host: str) -> None:
    access, client = gate
    _entered(access, client, Role.CONTROL)
    assert client.get("/", headers={"host": host}).status_code == 421
    headers = {"host": host, "origin": f"http://{host}"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/stream", headers=headers):
        pass


def test_our_own_page_gets_its_stream(gate: tuple[Access, TestClient]) -> None:
    access, client = gate
    _entered(access, client, Role.VIEW)
    with client.websocket_connect(f"ws://{HOST}/stream", headers={"origin": OURS}) as socket:
        assert socket.receive_text() == "view"


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://127.0.0.1:8077", "http://127.0.0.1:9000", "http://localhost:8077", "null"],
)
def test_another_page_is_refused_whatever_cookie_it_sends(gate: tuple[Access, TestClient], origin: str) -> None:
    access, client = gate
    _entered(access, client, Role.CONTROL)
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"ws://{HOST}/stream", headers={"origin": origin}),
    ):
        pass
    assert client.get("/", headers={"origin": origin}).status_code == 403
    assert client.post("/", headers={"origin": origin}).status_code == 403


def test_a_socket_or_a_post_that_hides_its_origin_is_refused(gate: tuple[Access, TestClient]) -> None:
    access, client = gate
    _entered(access, client, Role.CONTROL)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"ws://{HOST}/stream"):
        pass
    assert client.post("/").status_code == 403
    assert client.post("/", headers={"origin": OURS}).text == "control"


def test_pages_may_speak_to_nobody_else(gate: tuple[Access, TestClient]) -> None:
    access, client = gate
    _entered(access, client, Role.VIEW)
    headers = client.get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"].startswith("'self'") and policy["connect-src"] == f"'self' ws://{HOST}"
    assert policy["frame-ancestors"] == "'none'"
    assert not re.search(r"https?:|\*", headers["content-security-policy"])
    assert headers["referrer-policy"] == "no-referrer"


def test_the_way_on_from_a_token_stays_here(gate: tuple[Access, TestClient]) -> None:
    access, client = gate
    token = access.tokens[Role.VIEW]
    for path, goes_to in (("/calibration", "/calibration"), ("//evil.example/", "/"), ("/a%22%3E%3Cscript%3E", "/")):
        answer = client.get(f"{OURS}{path}?token={token}")
        assert f'content="0;url={goes_to}"' in answer.text


def test_cookies_do_not_pile_up() -> None:
    access = Access(1)
    values = [access.enter(access.tokens[Role.VIEW]) for _ in range(1000)]
    known = [value for value in values if access.role(f"{access.cookie}={value}") is Role.VIEW]
    assert len(known) < 500 and known[-1] == values[-1]

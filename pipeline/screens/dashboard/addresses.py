"""The addresses under which this computer is reached, and the square code that a tablet's camera reads."""

import socket
from collections.abc import Sequence
from io import StringIO

import ifaddr
import segno

LOOPBACK = ("127.0.0.1", "localhost")


def network_addresses() -> list[str]:
    """This computer's IPv4 addresses on its networks, the one of the default route first."""
    found = [
        str(ip.ip)
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ip.is_IPv4 and not str(ip.ip).startswith(("127.", "169.254."))
    ]
    first = _default_address()
    return sorted(dict.fromkeys(found), key=lambda address: address != first)


def names() -> list[str]:
    """This computer's name, alone and in the local domain."""
    name = socket.gethostname().split(".")[0].lower()
    return [name, f"{name}.local"] if name else []


def allowed_hosts(port: int, lan: Sequence[str]) -> list[str]:
    """What the Host header may say. lan: addresses on the network, where the server is open to it."""
    hosts = [*LOOPBACK, *lan, *(names() if lan else [])]
    return [f"{host}:{port}" for host in hosts]


def code_text(address: str) -> str:
    """A QR code for a terminal, dark modules on light."""
    out = StringIO()
    segno.make(address, error="l").terminal(out=out, compact=True, border=2)
    return out.getvalue()


def code_svg(address: str) -> str:
    """A QR code for the page."""
    svg = segno.make(address, error="m").svg_inline(border=3, dark="#000", light="#fff", omitsize=True)
    return str(svg)


def _default_address() -> str:
    """The address from which packets to elsewhere would go; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""

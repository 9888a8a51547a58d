"""What is on the dashboard's pages: the session, the guided calibration, and where the sensors go.

The elements and their words stand here; web/dashboard.js fills them from the stream and draws the moving ones. Buttons
that act exist only on pages of browsers that may act, and the hub asks again.
"""

from collections.abc import Callable

from nicegui import ui
from starlette.requests import Request

from pipeline.screens.cue import CueMode
from pipeline.screens.dashboard.access import ROLE, Role
from pipeline.screens.dashboard.addresses import code_svg
from pipeline.screens.dashboard.placement import placement_svg
from pipeline.screens.dashboard.poses import poses_svg
from pipeline.screens.guide import STEP_NAMES

Addresses = Callable[[Role], list[str]]

CUES = {
    CueMode.OFF: "No cue",
    CueMode.EVERY: "Cue at every episode",
    CueMode.MARKED: "Cue at marked and strong ones only",
    CueMode.FADING: "Cue less and less often",
}
NOTE = (
    "A movement-training aid, not a medical device. The angles are estimates and carry an error of a few degrees. Stop "
    "and seek advice on pain, swelling, giving way or weakness."
)
_HEAD = """
<meta name="robots" content="noindex">
<link rel="stylesheet" href="/web/dashboard.css">
<script type="module" src="/web/dashboard.js"></script>
"""


def add_pages(addresses: Addresses) -> None:
    """Registers the pages. addresses: that let a browser in, by role."""

    @ui.page("/")
    def session(request: Request) -> None:
        _head(request, "session", addresses)
        _session(_may_act(request))

    @ui.page("/calibration")
    def calibration(request: Request) -> None:
        _head(request, "calibration", addresses)
        _calibration(_may_act(request))

    @ui.page("/placement")
    def placement(request: Request) -> None:
        _head(request, "placement", addresses)
        _placement()


def _may_act(request: Request) -> bool:
    return request.scope.get(ROLE) is Role.CONTROL


def _head(request: Request, name: str, addresses: Addresses) -> None:
    """The bar on top: where one is, how long the session runs, and the way to the other pages."""
    ui.add_head_html(_HEAD)
    ui.colors(primary="#0b5d7a", positive="#00735a", negative="#b3261e")
    act = _may_act(request)
    with _div("kt-bar").props(f'data-page="{name}"'):
        with _div("kt-brand"):
            ui.html('<img src="/web/icon.svg" alt="" width="26" height="26">', sanitize=False)
            ui.label("kneetrack")
        with _div("kt-clock"):
            _div("kt-dot")
            ui.label("0:00").classes("kt-elapsed")
        with ui.element("nav").classes("kt-nav"):
            for page, words in (("/", "Session"), ("/calibration", "Calibrate"), ("/placement", "Sensors")):
                link = ui.link(words, page)
                if page.strip("/") == name.replace("session", ""):
                    link.props('aria-current="page"')
        with _div("kt-tools"):
            ui.label("Tap once for sound").classes("kt-hint").props("hidden")
            _tool("kt-sound", "Sound on or off", "volume_off")
            _tool("kt-theme", "Light or dark", "contrast")
            if act and len(addresses(Role.VIEW)) > 1:
                _share(addresses)
    _div("kt-problem").props('role="alert" hidden')
    _div("kt-flash").props("aria-hidden=true")
    _div("kt-said").props('aria-live="assertive" role="status"')


def _tool(kind: str, words: str, icon: str) -> ui.button:
    return (
        ui.button(icon=icon, color=None).props(f'flat round dense aria-label="{words}" title="{words}"').classes(kind)
    )


def _share(addresses: Addresses) -> None:
    with ui.dialog() as dialog, ui.card().classes("kt-share"):
        ui.label("Open this page on another device").classes("kt-h2")
        ui.label("It has to be in the same network. Point its camera at the code.")
        with _div("kt-codes"):
            for role, words in ((Role.VIEW, "Watch only"), (Role.CONTROL, "Watch and control")):
                address = addresses(role)[0]
                with _div("kt-code"):
                    ui.html(code_svg(address), sanitize=False)
                    ui.label(words).classes("kt-strong")
                    ui.label(address).classes("kt-address")
        ui.button("Close", on_click=dialog.close).props("flat no-caps")
    _tool("kt-open", "Open on another device", "qr_code_2").on("click", dialog.open)


def _session(act: bool) -> None:
    with ui.element("div").classes("kt-main kt-session"):
        _guide(banner=True)
        _div("kt-legs")
        with _card("kt-traces-card", "The last 10 seconds"):
            _div("kt-key")
            _canvas("kt-traces", "Traces of knee bend, inward angle and twist")
        with _card("kt-leg-card", "The leg now"):
            _canvas("kt-leg", "The leg from the front and from the side")
        with _card("kt-episodes-card", "Knee fell inward (valgus)"):
            ui.label("Not once so far.").classes("kt-none")
            _div("kt-episodes")
        with _card("kt-sensors-card", "Sensors"):
            _div("kt-sensors")
        with _card("kt-settings-card", "Sound and flash"):
            _cue(act)
            ui.label(NOTE).classes("kt-note")
    if act:
        with _div("kt-actions"):
            _action("Mark", "flag", "mark").classes("kt-mark").props('title="Note this moment in the recording"')
            _action("Stop and save", "stop", "stop", "negative").classes("kt-stop")
            _action("Start a new session", "play_arrow", "start", "positive").classes("kt-start").props("hidden")
    _saved()


def _cue(act: bool) -> None:
    ui.label("A tone and a flash when the knee begins to fall inward.").classes("kt-dim")
    if act:
        options = "".join(
            f'<option value="{mode.value}"{" selected" if mode is CueMode.EVERY else ""}>{words}</option>'
            for mode, words in CUES.items()
        )
        ui.html(f'<select class="kt-cue" aria-label="When to give a cue">{options}</select>', sanitize=False)
    else:
        ui.label().classes("kt-cue-now")
    _div("kt-cue-share kt-dim")
    ui.button("Try it", icon="notifications_active", color=None).props("flat dense no-caps").classes("kt-try")


def _saved() -> None:
    """Shown when a session has ended."""
    with _div("kt-saved").props("hidden"):
        ui.label("The session is saved.").classes("kt-h2")
        ui.label().classes("kt-where")
        with ui.element("a").props('href="/report" target="_blank"').classes("kt-report"):
            ui.label("Open the report")


def _guide(banner: bool) -> None:
    """The guided calibration: the three things, and the present one large. It is filled for each leg."""
    with _div("kt-guide" + (" kt-banner" if banner else "")).props("hidden" if banner else ""):
        with ui.element("ol").classes("kt-steps"):
            for name in STEP_NAMES:
                with ui.element("li"):
                    ui.label(name)
        with _div("kt-guide-body"):
            if not banner:
                ui.html(poses_svg(), sanitize=False).classes("kt-poses")
            with _div("kt-guide-text"):
                _div("kt-guide-common")
                _div("kt-guide-common-how")
                _div("kt-guide-legs")


def _calibration(act: bool) -> None:
    with ui.element("div").classes("kt-main kt-calibration"):
        _guide(banner=False)
        with _card("kt-leg-card", "The leg now"):
            _canvas("kt-leg", "The leg from the front and from the side")
        with _card("", "Why this is needed"):
            ui.html(
                "<p>The sensors may sit on the leg any way round. <b>Standing</b> tells which way is up and what is "
                "straight for you. <b>Bending</b> tells about which axis this knee bends, and how it moves when "
                "nothing loads it. <b>Walking</b> makes both sharper.</p>"
                "<p>Do it again after the sensors were taken off.</p>",
                sanitize=False,
            )
    if act:
        with _div("kt-actions"):
            _action("Save this calibration", "save", "save").classes("kt-save").props("hidden")
            ui.link("Go on to the session", "/").classes("kt-go")


def _placement() -> None:
    with ui.element("div").classes("kt-main kt-placement"):
        with _card("kt-drawing", "Where to strap the sensors"):
            ui.html(placement_svg(), sanitize=False)
            ui.html(
                "<ol><li><b>Thigh:</b> outer side, half way between hip and knee.</li>"
                "<li><b>Shin:</b> inner, flat side of the bone, a hand below the knee.</li></ol>"
                "<p>The drawing is of a right leg; on the left leg it is the mirror image. Any way round, but tight: "
                "it must not slide when you stamp your foot.</p>",
                sanitize=False,
            ).classes("kt-where-text")
        with _card("kt-facts", "What they must be able to do"):
            ui.html(
                "<dl><dt>60 Hz</dt><dd>or more samples a second, from each sensor</dd>"
                "<dt>2000 °/s</dt><dd>range of the gyroscope</dd><dt>16 g</dt><dd>range of the accelerometer</dd></dl>"
                "<p>The same rate on both. Charge them: below 20 % some sensors drop samples.</p>",
                sanitize=False,
            )
        with _card("kt-place", "Which one is where?"):
            _div("kt-place-text")
            _div("kt-sensors")


def _div(classes: str) -> ui.element:
    return ui.element("div").classes(classes)


def _card(classes: str, title: str) -> ui.element:
    card = ui.element("section").classes(f"kt-card {classes}")
    with card:
        ui.label(title).classes("kt-h2").props('role="heading" aria-level="2"')
    return card


def _canvas(classes: str, words: str) -> None:
    """A canvas in a box that makes its size."""
    with _div(f"{classes}-box"):
        ui.element("canvas").classes(classes).props(f'role="img" aria-label="{words}"')


def _action(words: str, icon: str, kind: str, color: str = "primary") -> ui.button:
    return ui.button(words, icon=icon, color=color).props(f'no-caps data-do="{kind}"')

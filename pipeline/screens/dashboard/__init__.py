"""The dashboard: a page in any browser that shows a running session and can start, stop and mark it.

Two processes. The session's publishes (publisher.py) what it sees through a bounded ring and a pipe, and never waits.
The server's (serve.py) relays it to browsers (hub.py), each at the pace at which it answers, so that a slow or frozen
one is skipped; access.py decides who may look and who may act. page.py says what is on the page, web/ draws it.
"""

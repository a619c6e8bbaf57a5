"""A member that is only its REST API: it answers what it was told to, and remembers what it was asked."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StandIn:
    """`answers[(method, path)]`: status and body, or a function of the request's body that returns both; anything else
    is answered with 404. GET /patroni says who it is."""

    def __init__(self, scope, name, *, state="running", role="replica"):
        self.status = {"state": state, "role": role, "server_version": 170002,
                       "patroni": {"version": "4.1.4", "scope": scope, "name": name}}
        self.answers = {}
        self.asked = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                if (self.command, self.path) == ("GET", "/patroni"):
                    status, text = 200, json.dumps(stand_in.status)
                else:
                    stand_in.asked.append((self.command, self.path, body))
                    answer = stand_in.answers.get((self.command, self.path), (404, "not found"))
                    status, text = answer(body) if callable(answer) else answer
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def api_url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/patroni"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

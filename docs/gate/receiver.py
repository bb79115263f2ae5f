"""An endpoint for the gate in mode "decide". Run: TOKEN=... PORT=9000 python3 receiver.py"""
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = os.environ.get("TOKEN", "").encode()
if not TOKEN:
    raise SystemExit("set TOKEN to what the gate sends")
verdicts = {}  # by delivery: a repeated attempt gets the same answer. Keep it in your database.


def decide(payload):
    """Your logic: look the person up, count what they have spent ..."""
    person = payload["respondent"]
    if payload.get("doNotContact") or not person.get("phoneNumber"):
        return {"decision": "reject", "reason": "cannot be called"}
    return {"decision": "accept", "respondent": {"title": person.get("title") or "Customer"}}


class Gate(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not hmac.compare_digest(self.headers.get("ApiKey", "").encode(), TOKEN):
            return self.answer(401, {"error": "wrong token"})
        delivery = self.headers["X-Relay-Delivery"]
        try:
            if delivery not in verdicts:
                verdicts[delivery] = decide(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.answer(400, {"error": "not a respondent"})
        self.answer(200, verdicts[delivery])

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Gate).serve_forever()

import hmac, hashlib, os, time
from flask import Flask, request, abort
app = Flask(__name__)
SECRET = os.environ["RELAY_WEBHOOK_SECRET"]
@app.post("/relay-hook")
def relay_hook():
    timestamp = request.headers.get("X-Relay-Timestamp", "")
    signature = request.headers.get("X-Relay-Signature", "")
    raw_body = request.get_data() # bytes, before JSON parsing
    if not verify(raw_body, timestamp, signature, SECRET):
        abort(401)
    if abs(time.time() - int(timestamp)) > 300:
        abort(401)
    payload = request.get_json()
    # ...do your thing...
    return "ok", 200
def verify(raw_body, timestamp, sig_header, secret):
    payload = f"{timestamp}.{raw_body.decode('utf-8')}".encode()
    expected = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    provided = sig_header.removeprefix("sha256=")
    return hmac.compare_digest(expected, provided)

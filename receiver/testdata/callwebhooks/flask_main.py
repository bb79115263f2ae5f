# Serves flask_app.py, the receiver printed in call-webhooks.txt, without changing its text.
# Reads RELAY_TEST_PORT (0 for any), prints "listening PORT", and ends when standard input does.
import os
import sys
import threading

sys.dont_write_bytecode = True

from werkzeug.serving import make_server

from flask_app import app


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


server = make_server("127.0.0.1", int(os.environ["RELAY_TEST_PORT"]), app, threaded=True)
threading.Thread(target=end_with_stdin, daemon=True).start()
print("listening", server.port, flush=True)
server.serve_forever()

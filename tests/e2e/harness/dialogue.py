"""A program on a terminal of its own, answered question by question."""
import os
import pty
import select
import subprocess
import termios
import time


class Dialogue:
    """`echo`: the terminal shows what is typed, unless the program has it not."""

    def __init__(self, arguments, *, cwd=None, env=None, drop=None, echo=False):
        self._terminal, inner = pty.openpty()
        self._echo = echo
        if not echo:
            attributes = termios.tcgetattr(inner)
            attributes[3] &= ~termios.ECHO
            termios.tcsetattr(inner, termios.TCSANOW, attributes)
        self.process = subprocess.Popen([str(a) for a in arguments], stdin=inner, stdout=inner, stderr=inner, cwd=cwd,
                                        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm", **(env or {})},
                                        start_new_session=True, **(drop or {}))
        os.close(inner)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def _read(self, timeout):
        """False: the program has ended and all was read."""
        if not select.select([self._terminal], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # the other end is closed
            return False
        self.text += data.decode().replace("\r\n", "\n")
        return bool(data)

    def answer(self, question, text, *, timeout=10, shown=True):
        """Waits until the program stops at `question`, and types; `shown` is what the answer is then in `text`."""
        end = time.monotonic() + timeout
        while not self.text.endswith(question):
            assert time.monotonic() < end, f"no question {question!r} but {self.text!r}"
            assert self._read(0.1), f"ended before {question!r}: {self.text!r}"
        os.write(self._terminal, text.encode() + b"\n")
        if shown and not self._echo:
            self.text += text + "\n"

    def end(self, *, timeout=30):
        """The exit code, once all was read."""
        end = time.monotonic() + timeout
        while self._read(0.1):
            assert time.monotonic() < end, f"does not end: {self.text!r}"
        return self.process.wait(5)

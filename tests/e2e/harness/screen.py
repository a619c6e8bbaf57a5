"""A program on the screen of a terminal: tmux draws it, and says what stands there."""
import shlex
import subprocess
import uuid
from pathlib import Path

from .processes import account, wait_until


class Screen:
    """`tmux` with a server of its own, which ends with it."""

    def __init__(self, arguments, *, directory, columns=80, rows=24, env=None):
        self._socket = f"tanist-{uuid.uuid4().hex[:12]}"
        self._directory = directory
        who = account()
        self._drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
        variables = [f"{name}={value}" for name, value in {"LC_ALL": "C.UTF-8", **(env or {})}.items()]
        command = " ".join(["exec", "env", *(shlex.quote(str(a)) for a in [*variables, *arguments])])
        # A shell around it: what the terminal is like afterwards is seen, too.
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh")
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        self.type(f"stty -a > {directory}/stty.before; PS1='shell> '; clear; ({command}); echo ended: $?")
        self.key("Enter")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tmux("kill-server", check=False)

    def _tmux(self, *arguments, check=True):
        done = subprocess.run(["tmux", "-u", "-S", f"{self._directory}/{self._socket}", *arguments], check=check,
                              capture_output=True, text=True, cwd=self._directory,
                              env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}, **self._drop)
        return done.stdout

    @property
    def text(self):
        return self._tmux("capture-pane", "-p")

    @property
    def coloured(self):
        """With the escapes that stand for colours."""
        return self._tmux("capture-pane", "-p", "-e")

    def key(self, *names):
        self._tmux("send-keys", *names)

    def type(self, text):
        self._tmux("send-keys", "-l", text)

    def pid_of(self, program):
        """Of the program, or what it started, on this screen."""
        left = [int(self._tmux("list-panes", "-F", "#{pane_pid}"))]
        while left:
            pid = left.pop()
            if Path(f"/proc/{pid}/comm").read_text().strip() == program:
                return pid
            left += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        raise AssertionError(f"no {program} runs on the screen\n{self.text}")

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait_for(self, what, timeout=15):
        """Until the text stands there, or `what(text)` holds; returns the screen then."""
        condition = what if callable(what) else lambda text: what in text

        def seen():
            text = self.text
            return text if condition(text) else None

        try:
            return wait_until(f"{what} on the screen", seen, timeout, interval=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

"""A TCP proxy with faults, and a count of the HTTP requests that went through."""
import asyncio
import re
import threading
import time
from collections import Counter

from .ports import free_port

REQUEST_LINE = re.compile(rb"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (/[^ ?]*)[^ ]* HTTP/1\.[01]\r\n")


class TcpProxy:
    """Forwards 127.0.0.1:port to the target. mode:
    pass    forward
    refuse  close what is open, refuse what is new
    drop    keep everything open and forward nothing, like a cable that was pulled; new connections are accepted
    deaf    forward requests, never the replies: the effect happens, the answer is lost"""

    def __init__(self, host, port):
        self.target = (host, port)
        self.port = free_port()
        self.mode = "pass"
        self.requests = Counter()
        self.started = time.time()
        self._links = set()
        self._interjection = None
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True, name="proxy")
        self._thread.start()
        ready.wait()

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.port}"

    def set(self, mode):
        assert mode in ("pass", "refuse", "drop", "deaf"), mode
        asyncio.run_coroutine_threadsafe(self._set(mode), self._loop).result(5)

    def interject(self, path, answer):
        """The next request for `path` is answered with these bytes, and goes no further."""
        self._interjection = (path.encode(), answer)

    @property
    def interjected(self):
        return self._interjection is None

    def close(self):
        async def finish():
            await self._set("refuse")
            self._loop.stop()
        asyncio.run_coroutine_threadsafe(finish(), self._loop)
        self._thread.join(5)

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(self._listen())
        ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _listen(self):
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _set(self, mode):
        before, self.mode = self.mode, mode
        if mode == "refuse" and self._server:
            self._server.close()
            self._server = None
        elif mode != "refuse" and not self._server:
            self._server = await self._listen()
        # What was swallowed is missing in the stream: such a connection can only be ended.
        if mode == "refuse" or before in ("drop", "deaf"):
            for writer in list(self._links):
                writer.transport.abort()

    async def _serve(self, reader, writer):
        self._links.add(writer)
        onward = None
        try:
            if self.mode == "drop":
                await reader.read(-1)
                return
            back, onward = await asyncio.open_connection(*self.target)
            self._links.add(onward)
            await asyncio.gather(self._pump(reader, onward, True, writer), self._pump(back, writer, False))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, onward):
                if end:
                    self._links.discard(end)
                    end.close()

    async def _pump(self, reader, writer, forth, client=None):
        while data := await reader.read(65536):
            if forth:
                self.requests.update(m.group(2).decode() for m in REQUEST_LINE.finditer(data))
            if self.mode == "drop" or (self.mode == "deaf" and not forth):
                continue
            if forth and self._interjection and self._interjection[0] in data:
                _, answer = self._interjection
                self._interjection = None
                client.write(answer)
                continue
            writer.write(data)
            await writer.drain()
        if self.mode not in ("drop", "deaf"):
            writer.close()

#!/usr/bin/env python3
"""A TCP proxy on 127.0.0.1 whose ways can be cut, slowed down and silenced. A process of its own: see Proxy.

Reads one JSON document a line, and answers each with one: {"do": "open", "name": …, "port": of the server} answers the port
to connect to; "aim" gives a way another server, "delay", "hold", "drop", "flow" and "cut" change what becomes of its bytes,
and "ask" only asks whether it is there. Ends with its input.
"""
import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading

TO_SERVER, TO_CLIENT = 0, 1


class End(asyncio.Protocol):
    """One of the two ends of a connection through the proxy."""

    def __init__(self, way, direction, other=None):
        self.way = way
        # The one in which what comes in here goes on.
        self.direction = direction
        self.other = other
        self.transport = None
        # What is to be written there, and when it is due.
        self.queue = []
        self.is_over = False

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.direction == TO_SERVER:
            self.way.ends.add(self)
            self.task = asyncio.get_running_loop().create_task(self.connect())

    async def connect(self):
        self.other = End(self.way, TO_CLIENT, self)
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.other, "127.0.0.1", self.way.port)
        except OSError:
            self.close()
            return
        if self.is_over:
            self.other.close()
        self.flush()

    def data_received(self, data):
        if self.direction in self.way.dropped or self.is_over:
            return
        now = self.way.loop.time()
        due = now + self.way.delay
        if self.queue:
            due = max(due, self.queue[-1][0])
        elif due <= now and self.direction not in self.way.held and self.other.transport:
            self.other.transport.write(data)
            return
        self.queue.append((due, data))
        self.way.loop.call_at(due, self.flush)

    def flush(self):
        now = self.way.loop.time()
        while self.queue and self.direction not in self.way.held and self.other.transport and self.queue[0][0] <= now + 0.001:
            data = self.queue.pop(0)[1]
            if data is None:
                self.finish()
            elif not self.other.is_over:
                self.other.transport.write(data)

    def connection_lost(self, error):
        if self.is_over:
            return
        if error is not None or self.other is None:
            self.close()
            return
        # What came before the end is still on its way.
        self.queue.append((self.queue[-1][0] if self.queue else 0.0, None))
        self.flush()

    def finish(self):
        """The other end as well, as one does that has said all."""
        for end in (self, self.other):
            end.is_over = True
            self.way.ends.discard(end)
            if end.transport:
                end.transport.close()

    def close(self):
        """Both ends, and at once: whoever is there gets a reset."""
        for end in (self, self.other):
            if end is None or end.is_over:
                continue
            end.is_over = True
            self.way.ends.discard(end)
            if end.transport:
                raw = end.transport.get_extra_info("socket")
                if raw is not None and raw.fileno() >= 0:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.transport.abort()


class Way:
    """From one port to one server."""

    def __init__(self, loop, port):
        self.loop = loop
        self.port = port
        self.delay = 0.0
        self.held = set()
        self.dropped = set()
        self.ends = set()

    def all_ends(self):
        return [end for first in list(self.ends) for end in (first, first.other) if end]


class Server:
    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.ways = {}

    async def obey(self, order):
        name = order["name"]
        if order["do"] == "ask":
            return {}
        if order["do"] == "open":
            way = self.ways[name] = Way(self.loop, order["port"])
            server = await self.loop.create_server(lambda: End(way, TO_SERVER), "127.0.0.1", 0)
            return {"port": server.sockets[0].getsockname()[1]}
        way = self.ways[name]
        if order["do"] == "aim":
            way.port = order["port"]
        elif order["do"] == "delay":
            way.delay = order["seconds"]
        elif order["do"] == "hold":
            way.held = {TO_SERVER, TO_CLIENT}
        elif order["do"] == "drop":
            way.dropped = {TO_CLIENT}
        elif order["do"] == "flow":
            way.delay, way.held, way.dropped = 0.0, set(), set()
            for end in way.all_ends():
                end.flush()
        elif order["do"] == "cut":
            count = len(way.ends)
            for end in list(way.ends):
                end.close()
            return {"count": count}
        return {}


async def serve():
    server = Server()
    reader = asyncio.StreamReader()
    await server.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = await reader.readline()
        if not line:
            return
        answer = await server.obey(json.loads(line))
        print(json.dumps(answer), flush=True)


class Proxy:
    """The process, for those who use it."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )
        self.lock = threading.Lock()

    def order(self, do, name="", **more):
        with self.lock:
            self.process.stdin.write(json.dumps({"do": do, "name": name, **more}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        if not line:
            raise OSError("the proxy has ended")
        return json.loads(line)

    def open(self, name, port):
        """Gives the port that leads to the server's."""
        return self.order("open", name, port=port)["port"]

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve())

"""Hosts as network namespaces on one switch, whose packets can be dropped. Needs root."""
import ctypes
import itertools
import os
import random
import subprocess

CLONE_NEWNET = 0x40000000
_numbers = itertools.count()


def missing():
    """Why namespaces cannot be had here; None if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root: run scripts/test as root, or as a user with passwordless sudo"
    name = f"tnst-probe-{os.getpid()}"
    probe = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if probe.returncode != 0:
        return f"ip netns add: {probe.stderr.strip()}"
    # To enter one takes more than to make one: in a chroot whose root is no mount point it fails.
    inside = subprocess.run(["ip", "-n", name, "link", "show"], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", name], check=True)
    return f"ip netns exec: {inside.stderr.strip()}" if inside.returncode != 0 else None


def _ip(*arguments, namespace=None, tool="ip"):
    command = [tool, *(["-n", namespace] if namespace else []), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def enter(namespace):
    """Moves the calling thread (only it) into a namespace: what it connects to from now on starts there."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    finally:
        os.close(descriptor)


class Switch:
    """A bridge in a namespace of its own, so that no firewall of this machine takes part; this process is plugged in
    too, with address .1."""

    def __init__(self):
        # A network of our own among those for benchmarks (198.18.0.0/15): nobody routes them.
        self.prefix = f"198.{random.choice((18, 19))}.{random.randrange(1, 255)}"
        self.tag = f"t{os.getpid() % 100000:05d}{next(_numbers)}"
        self.name = f"{self.tag}sw"
        self.hosts = {}
        _ip("netns", "add", self.name)
        try:
            _ip("link", "add", "br0", "type", "bridge", namespace=self.name)
            _ip("link", "set", "br0", "up", namespace=self.name)
            self.device = f"{self.tag}me"
            _ip("link", "add", self.device, "type", "veth", "peer", "name", "me", "netns", self.name)
            _ip("link", "set", "me", "master", "br0", "up", namespace=self.name)
            _ip("address", "add", f"{self.prefix}.1/24", "dev", self.device)
            _ip("link", "set", self.device, "up")
        except Exception:
            self.close()
            raise

    def add(self, name, number):
        """A host: returns its namespace; its address is .number."""
        namespace = f"{self.tag}{name}"
        _ip("netns", "add", namespace)
        self.hosts[name] = (namespace, f"{self.prefix}.{number}")
        _ip("link", "add", "eth0", "netns", namespace, "type", "veth", "peer", "name", f"p{number}", "netns", self.name)
        _ip("link", "set", f"p{number}", "master", "br0", "up", namespace=self.name)
        _ip("address", "add", f"{self.prefix}.{number}/24", "dev", "eth0", namespace=namespace)
        _ip("link", "set", "eth0", "up", namespace=namespace)
        _ip("link", "set", "lo", "up", namespace=namespace)
        return namespace

    def address(self, name):
        return self.hosts[name][1]

    def namespace(self, name):
        return self.hosts[name][0]

    def cut(self, name):
        """Drops every packet from and to the host, silently; its link stays up."""
        self._port(name, 0)

    def heal(self, name):
        self._port(name, 3)

    def _port(self, name, state):
        number = self.address(name).rpartition(".")[2]
        _ip("link", "set", "dev", f"p{number}", "state", str(state), namespace=self.name, tool="bridge")

    def close(self):
        for namespace, _ in self.hosts.values():
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)
        subprocess.run(["ip", "link", "del", getattr(self, "device", "-")], capture_output=True)

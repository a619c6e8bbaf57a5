"""What all figures share: how they are named and judged, and the cluster that they are taken on."""
import statistics
import sys
import time

from harness.cluster import Cluster
from harness.member import DEFAULT

MEASURES = {}


class Result:
    def __init__(self, what, samples, unit, target, *, patroni="", note="", at_least=False):
        self.what, self.samples, self.unit, self.target = what, samples, unit, target
        self.patroni, self.note, self.at_least = patroni, note, at_least

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def reached(self):
        if self.target is None:
            return None
        return self.median >= self.target if self.at_least else self.median <= self.target


def measure(name, text):
    def register(function):
        MEASURES[name] = (function, text)
        return function
    return register


class running:
    """A cluster at default settings, replicating, that is ended in any case."""

    def __init__(self, **options):
        self.options = {"dcs": DEFAULT, **options}

    def __enter__(self):
        self.cluster = Cluster(**self.options)
        try:
            return self.cluster.start()
        except BaseException:
            print(self.cluster.describe(), file=sys.stderr)
            self.cluster.close()
            raise

    def __exit__(self, kind, *_):
        if kind:
            print(self.cluster.describe(), file=sys.stderr)
        self.cluster.close()


def calm(cluster):
    """All replicas stream and have everything: where each round begins."""
    primary = cluster.wait_for_streaming(90)
    cluster.wait_for_replay()
    time.sleep(1)  # what the start left to do (a checkpoint, a look of the monitor) is done
    return primary


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.3f}".rstrip("0").rstrip(".") if value < 10 else f"{value:.1f}"

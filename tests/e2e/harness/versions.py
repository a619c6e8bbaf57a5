"""Other major versions of PostgreSQL, where scripts/postgres-versions unpacked them."""
import os
import subprocess
from pathlib import Path


def folders():
    """Where they may be: the same places as in the script, whoever ran it."""
    if named := os.environ.get("TANIST_TEST_CACHE"):
        return [Path(named)]
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [Path("/var/cache/tanist-test"), own / "tanist-test"]


def bin_directory(major):
    """The folder with postgres, initdb and the others of a major version, None when it was not brought."""
    found = (folder / f"postgresql-{major}/usr/lib/postgresql/{major}/bin" for folder in folders())
    return next((path for path in found if os.access(path / "postgres", os.X_OK)), None)


def major_version(bin_dir):
    """What the postgres of a folder says of itself: 13, 17."""
    said = subprocess.run([Path(bin_dir) / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split()[2].partition(".")[0].rstrip("abcdefghijklmnopqrstuvwxyz"))

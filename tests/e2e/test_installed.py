"""What `cmake --install` brings, and the names that scripts of Patroni's users call."""
import subprocess

import pytest

from harness.processes import binaries


@pytest.fixture
def root(tmp_path):
    build = binaries().parent
    if not (build / "cmake_install.cmake").exists():
        pytest.skip(f"{build} is no directory that cmake builds in")
    for component in ("programs", "patroni"):
        subprocess.run(["cmake", "--install", build, "--prefix", tmp_path / "usr", "--component", component], check=True,
                       capture_output=True)
    return tmp_path / "usr"


def test_programs_pages_and_completion_under_both_names(root):
    for name in ("tanist", "tanistctl", "patroni", "patronictl"):
        assert (root / "bin" / name).exists()
        assert (root / f"share/man/man1/{name}.1").exists()
        assert (root / f"share/bash-completion/completions/{name}").exists()
        assert (root / f"share/fish/vendor_completions.d/{name}.fish").exists()
    for name in ("_tanist", "_tanistctl"):
        other = "patroni" + name.removeprefix("_tanist")
        assert (root / f"share/zsh/vendor-completions/{name}").read_text().startswith(f"#compdef {name[1:]} {other}\n")

    def said(*command):
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout

    assert said(root / "bin/patroni", "--version") == "patroni 4.1.4\n"
    assert said(root / "bin/patronictl", "version") == "patronictl version 4.1.4\n"
    assert said(root / "bin/tanist", "--version").startswith("tanist ")
    script = (f"source {root}/share/bash-completion/completions/$1; COMP_LINE=$2 COMP_POINT=${{#2}} COMP_CWORD=1;"
              " COMP_WORDS=($2); $(complete -p $1 | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); echo ${COMPREPLY[*]}")
    assert said("bash", "-c", script, "-", "patronictl", "patronictl edit-c").split() == ["edit-config"]
    assert said("bash", "-c", script, "-", "patroni", "patroni --val").split() == ["--validate-config"]

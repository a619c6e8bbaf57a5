# What the scripts share; sourced, never run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
jobs=${TANIST_JOBS:-$(nproc)}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root: directly, through sudo that asks nothing, or through sudo on a terminal.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then sudo "$@"
  else fail "root is needed to run: $*
HINT: run this as root, or as a user who may use sudo"
  fi
}

# build PRESET [TARGET...]: configures and builds; only what went wrong is long.
build() {
  local preset=$1; shift
  cd "$top" || return 1
  local log=build/configure-$preset.log
  mkdir -p build
  if ! cmake --preset "$preset" >"$log" 2>&1; then cat "$log" >&2; return 1; fi
  local targets=()
  [ $# -gt 0 ] && targets=(--target "$@")
  cmake --build --preset "$preset" --parallel "$jobs" "${targets[@]}"
}

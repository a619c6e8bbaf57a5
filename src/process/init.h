#pragma once

namespace tanist::process {

/// For a daemon that is PID 1 of a container (config.md §11.5): starts this program once more as a child,
/// with the same arguments, and stays to reap orphans and to hand on signals until that child ends.
/// PostgreSQL is an orphan as soon as its daemon is restarted. Returns the child's exit code, 128 + number
/// when a signal killed it.
int run_as_init(char** argv);

}  // namespace tanist::process

#pragma once

namespace tanist::process {

/// From now on files are created for their owner only (umask 0077, config.md §11.6). To be called first in a
/// daemon; later calls change nothing.
void tighten_umask();

/// The umask that this process was started with: what its user wants for files that are no secret.
unsigned start_umask();

}  // namespace tanist::process

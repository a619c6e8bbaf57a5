#pragma once

#include <expected>
#include <string>

#include "postgres/files/wal_files.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Programs;

/// WAL to the archive and back, with the commands that PostgreSQL itself would run (postgres.md §24, §25),
/// for a server that is stopped. Keeps nothing itself. On the control thread.
class Archive {
 public:
  Archive(Context& context, Programs& programs) : context_(context), programs_(programs) {}

  /// WAL that was not archived yet may be what others need, and a rewind or a crash recovery removes it. What
  /// fails is logged.
  Task<void> archive_ready(Instant deadline);
  /// After a clean stop of a primary: the file that holds its shutdown checkpoint goes to the archive, though
  /// it is not full, for who follows by that alone. What fails is logged.
  Task<void> archive_shutdown_checkpoint(Instant deadline);
  Task<Result> fetch(std::string restore_command, std::string name, Instant deadline);

 private:
  /// archive_command as a server would run it; empty: it would run none.
  Task<std::string> command(Instant deadline);
  Task<std::expected<void, std::string>> run(std::string command, WalFile file, Instant deadline);

  Context& context_;
  Programs& programs_;
};

}  // namespace tanist::postgres

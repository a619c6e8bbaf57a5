#pragma once

#include <optional>

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Programs;

/// What pg_controldata and pg_waldump tell of the data directory: the control file, and the records at the
/// end of its WAL. On the control thread; the programs read, so a disk that hangs costs a deadline and no
/// more.
class ControlFile {
 public:
  ControlFile(Context& context, Programs& programs);

  /// Reads it anew into the facts.
  Task<void> read(Instant deadline);
  /// It says "shut down" (not in recovery): returns it; nullopt when the server ended otherwise or at the
  /// deadline.
  Task<std::optional<ControlData>> wait_shutdown_checkpoint(Instant deadline);
  /// The last LSN a replica needs: the shutdown checkpoint, or the record before it if that is an XLOG
  /// switch.
  Task<Lsn> last_lsn(ControlData control, Instant deadline);
  /// Where the record of its last checkpoint ends; 0: that cannot be told.
  Task<Lsn> end_of_checkpoint(ControlData control, Instant deadline);

 private:
  std::vector<std::string> dump_command(const ControlData& control, Lsn from, const char* records) const;

  Context& context_;
  Programs& programs_;
};

}  // namespace tanist::postgres

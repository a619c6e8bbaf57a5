#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/server.h"

/// Logical slots as files of a data directory (replication.md §8).
namespace tanist::postgres {

/// A whole file of a slot, as far as can be told without its checksum: a damaged one keeps PostgreSQL from
/// starting.
bool is_slot_state(std::string_view bytes);

/// Puts each in `<data_dir>/pg_replslot`, in the place of one of its name. Blocks: for the disk thread.
std::expected<void, std::string> write_slot_files(const std::string& data_dir,
                                                  const std::vector<SlotCopy>& slots, unsigned file_mode);

}  // namespace tanist::postgres

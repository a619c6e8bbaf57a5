#include "postgres/files/slot_files.h"

#include <cstdint>
#include <cstring>
#include <filesystem>

#include "async/disk_thread.h"
#include "core/format.h"

namespace tanist::postgres {

namespace fs = std::filesystem;

namespace {
constexpr std::uint32_t kSlotMagic = 0x1051CA1;
/// Magic, checksum, version, length.
constexpr std::size_t kSlotHeader = 16;
}  // namespace

bool is_slot_state(std::string_view bytes) {
  if (bytes.size() <= kSlotHeader) return false;
  std::uint32_t magic = 0, length = 0;
  std::memcpy(&magic, bytes.data(), sizeof magic);
  std::memcpy(&length, bytes.data() + 12, sizeof length);
  return magic == kSlotMagic && bytes.size() == kSlotHeader + length;
}

std::expected<void, std::string> write_slot_files(const std::string& data_dir,
                                                  const std::vector<SlotCopy>& slots, unsigned file_mode) {
  const std::string all = data_dir + "/pg_replslot";
  const fs::perms directory_mode = static_cast<fs::perms>((file_mode & 0040) != 0 ? 0750 : 0700);
  for (const auto& slot : slots) {
    const std::string place = all + "/" + slot.name;
    const std::string made = place + ".tmp";
    const auto not_done = [](std::string_view what, const std::string& path, const std::error_code& ec) {
      return std::unexpected(fmt::format("could not {} \"{}\": {}", what, path, ec.message()));
    };
    std::error_code ec;
    fs::remove_all(made, ec);
    if (ec) return not_done("remove", made, ec);
    fs::create_directory(made, ec);
    if (!ec) fs::permissions(made, directory_mode, ec);
    if (ec) return not_done("create", made, ec);
    // With fsync of file and directory.
    if (auto written = blocking::write_file(made + "/state", slot.state, file_mode); !written) return written;
    fs::remove_all(place, ec);
    if (ec) return not_done("remove", place, ec);
    fs::rename(made, place, ec);
    if (ec) return not_done("rename", made, ec);
    if (auto synced = blocking::sync_directory(place); !synced) return synced;
    if (auto synced = blocking::sync_directory(all); !synced) return synced;
  }
  return {};
}

}  // namespace tanist::postgres

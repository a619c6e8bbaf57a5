// What PostgreSQL's tools print and its files hold.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "postgres/client/conninfo.h"
#include "postgres/files/control_data.h"
#include "process/command_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tanist;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: (void)postgres::parse_control_data(text); break;
    case 1:
      (void)postgres::parse_wal_record(text);
      (void)postgres::end_of_last_record(text, text);
      break;
    case 2: (void)postgres::render_conninfo(postgres::parse_conninfo(text), 150000); break;
    case 3: (void)process::split_command(text); break;
  }
  return 0;
}

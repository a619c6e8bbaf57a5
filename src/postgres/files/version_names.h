#pragma once

#include <string>

/// Names that PostgreSQL changed from one version to the next.
namespace tanist::postgres {

/// Version 10 renamed what had `xlog` in its name.
inline constexpr int kRenamedWal = 100000;

/// The directory of WAL in the data directory.
inline std::string wal_directory(int version) {
  return version >= kRenamedWal ? "pg_wal" : "pg_xlog";
}

/// The program that prints WAL.
inline std::string wal_dump_program(int version) {
  return version >= kRenamedWal ? "pg_waldump" : "pg_xlogdump";
}

}  // namespace tanist::postgres

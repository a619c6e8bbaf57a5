#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "setup/world.h"

namespace tanist::setup {

/// A host of which the test says what it answers.
class FakeWorld final : public World {
 public:
  std::expected<bool, std::string> accepts(const std::string& host, int port) override {
    asked.insert(host + ":" + std::to_string(port));
    if (unknown.contains(host)) return std::unexpected("[Errno -2] Name or service not known");
    return open.contains(host + ":" + std::to_string(port));
  }
  std::expected<std::string, std::string> version_of(const std::string&) override {
    if (version.empty()) return std::unexpected("exit code 1");
    return version;
  }
  std::string search_path() override { return path; }
  std::string host_name() override { return "db-a"; }
  std::optional<std::string> own_address() override { return address; }
  std::optional<std::string> ask_password(const std::string&) override { return typed; }

  std::set<std::string> open;
  std::set<std::string> unknown;
  std::set<std::string> asked;
  std::string version = "postgres (PostgreSQL) 15.4 (Debian 15.4-1)";
  std::string path;
  std::optional<std::string> address = "10.20.0.11";
  std::optional<std::string> typed;
};

class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tanist-setup-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }

  std::string write(const std::string& name, const std::string& text, unsigned mode = 0600) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
    return file.string();
  }
  /// PostgreSQL's programs, as far as looking them up goes.
  std::string programs(const std::string& name = "bin") const {
    for (const char* program :
         {"pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind"})
      write(name + "/" + program, "#!/bin/sh\n", 0755);
    return (path_ / name).string();
  }
  std::string path(const std::string& name = {}) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace tanist::setup

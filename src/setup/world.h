#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

/// What validation asks of the host: the network and PostgreSQL's programs.
namespace tanist::setup {

class World {
 public:
  virtual ~World() = default;
  /// Whether the first address of `host` accepts a TCP connection; the error says why the name has no
  /// address.
  virtual std::expected<bool, std::string> accepts(const std::string& host, int port) = 0;
  /// What `program --version` prints. The error says why it cannot be run.
  virtual std::expected<std::string, std::string> version_of(const std::string& program) = 0;
  /// The directories of `$PATH`, with colons.
  virtual std::string search_path() = 0;
  /// Name of this host.
  virtual std::string host_name() = 0;
  /// First address of this host's name, IPv4 preferred, or of an interface where the name leads to this host
  /// only; nullopt: there is none.
  virtual std::optional<std::string> own_address() = 0;
  /// Asks on the terminal without showing what is typed; nullopt: there is no terminal.
  virtual std::optional<std::string> ask_password(const std::string& prompt) = 0;
};

/// This host. Blocks: for modes of the command line, not for the daemon.
class Host final : public World {
 public:
  std::expected<bool, std::string> accepts(const std::string& host, int port) override;
  std::expected<std::string, std::string> version_of(const std::string& program) override;
  std::string search_path() override;
  std::string host_name() override;
  std::optional<std::string> own_address() override;
  std::optional<std::string> ask_password(const std::string& prompt) override;
};

/// The file that runs when `program` is looked up in `directory`, or in the search path where that is empty;
/// empty: there is none.
std::string find_program(World& world, std::string_view directory, std::string_view program);

/// `postgres (PostgreSQL) 15.4 (Debian …)` → 150004; 9.6.24 → 90624; 0: not understood.
int server_version_number(std::string_view version_output);
/// 15, 9.6
std::string major_version_text(int version_number);

}  // namespace tanist::setup

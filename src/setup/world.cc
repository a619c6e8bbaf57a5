#include "setup/world.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>

#include "async/clock.h"
#include "async/task_scope.h"
#include "async/wait.h"
#include "config/read/environment.h"
#include "core/format.h"
#include "net/resolver.h"
#include "process/child.h"

namespace tanist::setup {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr Duration kConnectBudget = std::chrono::seconds(3);
constexpr Duration kResolveBudget = std::chrono::seconds(10);
constexpr Duration kProgramBudget = std::chrono::seconds(10);

using Accepts = std::expected<bool, std::string>;

/// The number that other tools print before the resolver's text.
std::string with_number(const std::string& text) {
  constexpr std::pair<std::string_view, int> kNumbers[] = {
      {"Name or service not known", -2},
      {"Temporary failure in name resolution", -3},
      {"No address associated with hostname", -5},
  };
  for (const auto& [known, number] : kNumbers)
    if (text == known) return fmt::format("[Errno {}] {}", number, text);
  return text;
}

Task<void> open_socket(asio::ip::tcp::socket* socket, asio::ip::tcp::endpoint endpoint, bool* opened) {
  try {
    co_await socket->async_connect(endpoint, asio::use_awaitable);
    *opened = true;
  } catch (const boost::system::system_error&) {
    *opened = false;
  }
}

Task<void> connect_to(SystemClock* clock, net::Resolver* resolver, std::string host, int port, Accepts* out) {
  auto resolving = resolver->resolve(std::move(host), port);
  auto addresses = co_await with_deadline(*clock, std::move(resolving), clock->now() + kResolveBudget);
  if (!addresses) {
    *out = std::unexpected("the name could not be resolved in time");
    co_return;
  }
  if (!*addresses || (*addresses)->empty()) {
    *out = std::unexpected(*addresses ? "the name has no address" : with_number(addresses->error()));
    co_return;
  }
  const asio::ip::tcp::endpoint first = (*addresses)->front();
  asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
  bool opened = false;
  auto opening = open_socket(&socket, first, &opened);
  const bool in_time = co_await run_until(*clock, std::move(opening), clock->now() + kConnectBudget);
  *out = in_time && opened;
}

using Version = std::expected<std::string, std::string>;

Task<void> ask_version(SystemClock* clock, std::string program, Version* out) {
  process::Command command;
  command.argv = {std::move(program), "--version"};
  auto finished = co_await process::run(*clock, std::move(command), clock->now() + kProgramBudget);
  if (!finished) {
    *out = std::unexpected(finished.error());
  } else if (!finished->success()) {
    *out = std::unexpected(finished->describe());
  } else {
    *out = finished->out;
  }
}

Task<void> first_address(SystemClock* clock, net::Resolver* resolver, std::string host,
                         std::optional<std::string>* out) {
  auto resolving = resolver->resolve(std::move(host), 0);
  auto addresses = co_await with_deadline(*clock, std::move(resolving), clock->now() + kResolveBudget);
  if (!addresses || !*addresses) co_return;
  for (const bool ipv4 : {true, false})
    for (const auto& endpoint : **addresses)
      if (!*out && endpoint.address().is_v4() == ipv4) *out = endpoint.address().to_string();
}

bool is_loopback(const std::string& text) {
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(text, ec);
  return !ec && address.is_loopback();
}

/// The first address of an interface that is up, IPv4 preferred; none of this host only, none of one link
/// only.
std::optional<std::string> interface_address() {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(raw, &::freeifaddrs);
  std::optional<std::string> out;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* at = list.get(); at && !out; at = at->ifa_next) {
      if (!at->ifa_addr || at->ifa_addr->sa_family != family || (at->ifa_flags & IFF_UP) == 0) continue;
      asio::ip::tcp::endpoint endpoint;
      std::memcpy(endpoint.data(), at->ifa_addr,
                  family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      const auto address = endpoint.address();
      if (address.is_loopback() || (address.is_v6() && address.to_v6().is_link_local())) continue;
      out = address.to_string();
    }
  }
  return out;
}

}  // namespace

std::expected<bool, std::string> Host::accepts(const std::string& host, int port) {
  asio::io_context io(1);
  SystemClock clock;
  TaskScope scope(io.get_executor());
  net::Resolver resolver(io.get_executor());
  Accepts out = false;
  scope.spawn("connect", connect_to(&clock, &resolver, host, port, &out));
  io.run();
  return out;
}

std::expected<std::string, std::string> Host::version_of(const std::string& program) {
  asio::io_context io(1);
  SystemClock clock;
  TaskScope scope(io.get_executor());
  Version out = std::unexpected("no answer");
  scope.spawn("ask for the version", ask_version(&clock, program, &out));
  io.run();
  return out;
}

std::string Host::search_path() {
  const auto environment = config::process_environment();
  const auto found = environment.find("PATH");
  return found == environment.end() ? "/usr/local/bin:/usr/bin:/bin" : found->second;
}

std::string Host::host_name() {
  std::array<char, 256> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return {};
  return buffer.data();
}

std::optional<std::string> Host::own_address() {
  asio::io_context io(1);
  SystemClock clock;
  TaskScope scope(io.get_executor());
  net::Resolver resolver(io.get_executor());
  std::optional<std::string> out;
  scope.spawn("resolve the host's name", first_address(&clock, &resolver, host_name(), &out));
  io.run();
  // Often the name is only known on the host itself, where nobody else could connect to.
  if (!out || is_loopback(*out))
    if (auto found = interface_address()) return found;
  return out;
}

std::optional<std::string> Host::ask_password(const std::string& prompt) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0) return std::nullopt;
  termios before{};
  std::optional<std::string> out;
  if (::tcgetattr(terminal, &before) == 0) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(terminal, TCSAFLUSH, &silent);
    (void)!::write(terminal, prompt.data(), prompt.size());
    out.emplace();
    for (char c = 0; ::read(terminal, &c, 1) == 1 && c != '\n';) *out += c;
    ::tcsetattr(terminal, TCSAFLUSH, &before);
    (void)!::write(terminal, "\n", 1);
  }
  ::close(terminal);
  return out;
}

std::string find_program(World& world, std::string_view directory, std::string_view program) {
  const auto runs = [](const fs::path& file) {
    std::error_code ec;
    return fs::is_regular_file(file, ec) && ::access(file.c_str(), X_OK) == 0;
  };
  if (program.empty()) return {};
  if (program.front() == '/') return runs(program) ? std::string(program) : std::string();
  if (!directory.empty()) {
    const fs::path file = fs::path(directory) / program;
    return runs(file) ? file.string() : std::string();
  }
  const std::string path = world.search_path();
  for (std::string_view rest = path; !rest.empty();) {
    const auto colon = rest.find(':');
    const fs::path file = fs::path(rest.substr(0, colon)) / program;
    if (runs(file)) return file.string();
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
  return {};
}

int server_version_number(std::string_view text) {
  constexpr std::string_view kMark = "(PostgreSQL) ";
  const auto at = text.find(kMark);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + kMark.size());
  int parts[3] = {0, 0, 0};
  int count = 0;
  while (count < 3) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), parts[count]);
    if (ec != std::errc()) break;
    ++count;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty() || text.front() != '.') break;
    text.remove_prefix(1);
  }
  if (count == 0) return 0;
  return parts[0] >= 10 ? parts[0] * 10000 + parts[1] : parts[0] * 10000 + parts[1] * 100 + parts[2];
}

std::string major_version_text(int number) {
  return number >= 100000 ? fmt::format("{}", number / 10000)
                          : fmt::format("{}.{}", number / 10000, number / 100 % 100);
}

}  // namespace tanist::setup

#include "core/log_names.h"

namespace tanist::log {
namespace {

struct Place {
  std::string_view prefix;
  std::string_view name;
};

/// The first prefix that fits counts: single files stand before their folder.
constexpr Place kPlaces[] = {
    {"api/", "patroni.api"},
    {"apps/", "patroni.__main__"},
    {"citus/", "patroni.postgresql.mpp.citus"},
    {"cli/", "patroni.ctl"},
    {"config/", "patroni.config"},
    {"core/log", "patroni.log"},
    {"core/", "patroni.utils"},
    {"ctl/", "patroni.ctl"},
    {"dcs/consul/", "patroni.dcs.consul"},
    {"dcs/etcd2/", "patroni.dcs.etcd"},
    {"dcs/etcd3/", "patroni.dcs.etcd3"},
    {"dcs/exhibitor/", "patroni.dcs.exhibitor"},
    {"dcs/kubernetes/", "patroni.dcs.kubernetes"},
    {"dcs/raft/", "patroni.dcs.raft"},
    {"dcs/zookeeper/", "patroni.dcs.zookeeper"},
    {"dcs/", "patroni.dcs"},
    {"guard/", "patroni.watchdog.base"},
    {"ha/operations/bootstrap", "patroni.postgresql.bootstrap"},
    {"ha/operations/operation", "patroni.async_executor"},
    {"ha/policy/quorum", "patroni.quorum"},
    {"ha/", "patroni.ha"},
    {"member/control_port", "patroni.api"},
    {"member/peers", "patroni.ha"},
    {"member/settings_source", "patroni.config"},
    {"member/", "patroni.__main__"},
    {"net/http_server", "patroni.api"},
    {"net/", "urllib3"},
    {"postgres/apply", "patroni.postgresql.config"},
    {"postgres/bootstrap", "patroni.postgresql.bootstrap"},
    {"postgres/callbacks", "patroni.postgresql.callback_executor"},
    {"postgres/citus", "patroni.postgresql.mpp.citus"},
    {"postgres/clone", "patroni.postgresql.bootstrap"},
    {"postgres/config", "patroni.postgresql.config"},
    {"postgres/connection", "patroni.postgresql.connection"},
    {"postgres/parameters", "patroni.postgresql.validator"},
    {"postgres/pid_file", "patroni.postgresql.postmaster"},
    {"postgres/postmaster", "patroni.postgresql.postmaster"},
    {"postgres/recovery", "patroni.postgresql.config"},
    {"postgres/rewind", "patroni.postgresql.rewind"},
    {"postgres/slots", "patroni.postgresql.slots"},
    {"postgres/sync", "patroni.postgresql.sync"},
    {"postgres/tools", "patroni.postgresql.cancellable"},
    {"postgres/", "patroni.postgresql"},
    {"process/init", "patroni.daemon"},
    {"process/", "patroni.postgresql.cancellable"},
    {"setup/", "patroni.config_generator"},
    {"vip/", "patroni.vip"},
    {"watchdog/", "patroni.watchdog.base"},
};

constexpr std::string_view kOwn = "tanist";
constexpr std::string_view kKnown = "patroni";

/// Index behind the bracket that closes the one at `open`.
std::size_t behind_group(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == '<') ++depth;
    if ((text[i] == ')' || text[i] == '>') && --depth == 0) return i + 1;
  }
  return text.size();
}

}  // namespace

std::string_view source_path(std::string_view file) {
  constexpr std::string_view kRoot = "src/";
  const auto at = file.rfind("/src/");
  if (at != std::string_view::npos) return file.substr(at + 1 + kRoot.size());
  if (file.starts_with(kRoot)) return file.substr(kRoot.size());
  const auto tests = file.rfind("tests/");
  if (tests != std::string_view::npos && (tests == 0 || file[tests - 1] == '/')) return file.substr(tests);
  return file.substr(file.rfind('/') + 1);
}

std::string logger_name(std::string_view source_path) {
  for (const auto& place : kPlaces)
    if (source_path.starts_with(place.prefix)) return std::string(place.name);
  return std::string(kKnown);
}

std::string canonical_logger(std::string_view name) {
  if (name == kOwn || (name.starts_with(kOwn) && name[kOwn.size()] == '.'))
    return std::string(kKnown).append(name.substr(kOwn.size()));
  return std::string(name);
}

std::string_view bare_function_name(std::string_view signature) {
  if (signature.contains("operator()")) return "<lambda>";
  // The parameters begin at the first bracket that is no part of a qualified name such as `(anonymous
  // namespace)::`.
  std::size_t end = signature.size();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < signature.size();) {
    const char c = signature[i];
    if (c == '(') {
      const auto behind = behind_group(signature, i);
      if (!signature.substr(behind).starts_with("::")) {
        end = i;
        break;
      }
      i = behind;
    } else if (c == '<') {
      i = behind_group(signature, i);
    } else {
      ++i;
      if (c == ' ' || c == ':' || c == '*' || c == '&') begin = i;
    }
  }
  auto name = signature.substr(begin, end - begin);
  return name.substr(0, name.find('<'));
}

}  // namespace tanist::log

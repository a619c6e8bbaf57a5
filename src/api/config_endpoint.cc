#include "api/config_endpoint.h"

#include <algorithm>

#include "api/key_write.h"
#include "api/request_body.h"
#include "api/responses.h"
#include "config/read/change.h"
#include "core/format.h"
#include "dcs/zones.h"
#include "log/log.h"

TANIST_LOGGER("patroni.api");

/// PATCH and PUT /config: read, merge, look at the result as members will, write, say what came of it.
namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;

namespace {

/// A view that may be relied on is current long before this. Afterwards the store alone is right, also where
/// it was restored from a backup and holds again what was replaced.
constexpr Duration kRememberWritten = std::chrono::seconds(30);
/// Of writes that follow each other that fast.
constexpr std::size_t kReplacedKept = 16;
constexpr std::int64_t kPostgresqlPort = 5432;

/// One and the same write: a key that was deleted and is back may have a version of before.
bool same(const dcs::Config& a, const dcs::Config& b) {
  return a.version == b.version && a.valid == b.valid && equal_by_text(a.data, b.data);
}

HttpResponse store_unreachable(const std::string& why) {
  return error_page(503, "could not read the dynamic configuration from the store: " + why);
}

/// The keys of a document as dotted paths: values may be secret, their names are not.
std::string keys_of(const Document& document, const std::string& above = {}) {
  std::string out;
  for (const auto& [key, value, line] : document.entries()) {
    const std::string path = above.empty() ? key : above + "." + key;
    const std::string here = value.is_map() && value.size() > 0 ? keys_of(value, path) : path;
    out += (out.empty() ? "" : ", ") + here;
  }
  return out;
}

/// Why members would do nothing but complain of it; empty: they would not.
std::string follows_itself(const dcs::Cluster& cluster, const Document& next) {
  const auto section = [](const Document& config) {
    const Document* found = config.find("standby_cluster");
    return found ? *found : Document();
  };
  if (equal_by_text(section(cluster.config.data), section(next))) return {};
  const Document* host = next.find_path("standby_cluster.host");
  if (!host || !host->is_string()) return {};
  const Document* port = next.find_path("standby_cluster.port");
  const dcs::Member* own =
      cluster.member_at(host->as_string(), port ? parse_int(*port).value_or(0) : kPostgresqlPort);
  return own ? fmt::format("standby_cluster names {}, which is a member of this very cluster", own->name)
             : std::string();
}

}  // namespace

std::string why_no_config(const dcs::Config& config) {
  if (config.version.absent()) return "there is no dynamic configuration in the store";
  return "the dynamic configuration in the store is no JSON object: members go on with the last one they "
         "could "
         "read\nHINT: PUT /config replaces it";
}

const Document* ConfigEndpoint::newer_than(const dcs::Config& seen) const {
  if (clock_.now() - written_at_ >= kRememberWritten || seen.version == written_version_) return nullptr;
  return std::ranges::any_of(replaced_, [&](const dcs::Config& replaced) { return same(replaced, seen); })
             ? &written_
             : nullptr;
}

void ConfigEndpoint::remember(dcs::Config replaced, const dcs::Version& version, const Document& written) {
  const Instant now = clock_.now();
  if (now - written_at_ >= kRememberWritten) replaced_.clear();
  // Of two that were under way together, the answer to the first may come last.
  const dcs::Config mine{version, written, true};
  const bool over = std::ranges::any_of(replaced_, [&](const dcs::Config& old) { return same(old, mine); });
  replaced_.push_back(std::move(replaced));
  if (replaced_.size() > kReplacedKept) replaced_.erase(replaced_.begin());
  if (over) return;
  written_version_ = version;
  written_at_ = now;
  written_ = written;
}

Task<bool> ConfigEndpoint::changed_since(dcs::Config seen, Duration patience) {
  const auto cluster = co_await reads_.cluster(ControlReads::Asker::admitted, clock_.now() + patience);
  co_return cluster && !same((*cluster)->config, seen);
}

Task<HttpResponse> ConfigEndpoint::store(dcs::Config current, Document next, dcs::Condition condition,
                                         Duration patience, int failure_status) {
  dcs::Record record = dcs::ConfigRecord{next};
  const dcs::WriteResult written =
      co_await write_key(mailbox_, clock_, std::move(record), condition, patience);
  switch (written.outcome) {
    case dcs::Outcome::done:
      remember(std::move(current), written.version, next);
      co_return json_body(200, next);
    case dcs::Outcome::unknown:
      co_return error_page(failure_status,
                           fmt::format("whether the dynamic configuration was changed is not known: {}\n"
                                       "HINT: GET /config tells what is in force",
                                       written.detail));
    case dcs::Outcome::refused:
      if (std::holds_alternative<dcs::IfVersion>(condition)) {
        const bool changed = co_await changed_since(std::move(current), patience);
        if (changed) {
          co_return error_page(
              409,
              "the dynamic configuration was changed by somebody else meanwhile, nothing was "
              "written: try again");
        }
      }
      co_return error_page(failure_status,
                           "the store refused to change the dynamic configuration: " + written.detail);
    case dcs::Outcome::unavailable: break;
  }
  co_return error_page(failure_status, "could not change the dynamic configuration: " + written.detail);
}

Task<HttpResponse> ConfigEndpoint::patch(HttpRequest request, Duration patience) {
  const auto changes = required_object(request);
  if (!changes) co_return changes.error();
  const auto cluster = co_await reads_.cluster(ControlReads::Asker::admitted, clock_.now() + patience);
  if (!cluster) co_return store_unreachable(cluster.error());
  const dcs::Config& current = (*cluster)->config;
  if (!current.valid) co_return error_page(503, why_no_config(current));
  Document next = current.data;
  if (!tanist::patch(next, *changes)) co_return json_body(200, current.data);
  if (const auto refused = config::refused_change(current.data, next)) co_return error_page(400, *refused);
  if (const auto why = follows_itself(**cluster, next); !why.empty()) co_return error_page(400, why);
  if (const auto why = dcs::why_no_zones(**cluster, next); !why.empty()) co_return error_page(400, why);
  log::info("REST API: {} changes the dynamic configuration: {}", request.client_ip, keys_of(*changes));
  auto storing = store(current, std::move(next), dcs::IfVersion{current.version}, patience, 503);
  auto response = co_await std::move(storing);
  co_return response;
}

Task<HttpResponse> ConfigEndpoint::put(HttpRequest request, Duration patience) {
  const auto wanted = required_object(request);
  if (!wanted) co_return wanted.error();
  const auto cluster = co_await reads_.cluster(ControlReads::Asker::admitted, clock_.now() + patience);
  if (!cluster) co_return store_unreachable(cluster.error());
  const dcs::Config& current = (*cluster)->config;
  if (current.valid && equal_by_text(current.data, *wanted)) co_return json_body(200, *wanted);
  if (const auto refused = config::refused_change(current.data, *wanted)) co_return error_page(400, *refused);
  if (const auto why = follows_itself(**cluster, *wanted); !why.empty()) co_return error_page(400, why);
  if (const auto why = dcs::why_no_zones(**cluster, *wanted); !why.empty()) co_return error_page(400, why);
  log::info("REST API: {} replaces the dynamic configuration: {}", request.client_ip, keys_of(*wanted));
  auto storing = store(current, *wanted, dcs::Always{}, patience, 502);
  auto response = co_await std::move(storing);
  co_return response;
}

}  // namespace tanist::api

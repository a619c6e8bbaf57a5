#include "api/config_endpoint.h"

#include "api/request_body.h"
#include "api/responses.h"
#include "config/read/change.h"
#include "core/format.h"
#include "log/log.h"

TANIST_LOGGER("patroni.api");

namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;

namespace {

/// A view that may be relied on is current long before this. Afterwards the store alone is right, also where
/// it was restored from a backup and counts from a lower version.
constexpr Duration kRememberWritten = std::chrono::seconds(30);
/// Control answers by its deadline; this much later nobody waits any more.
constexpr Duration kAnswerMargin = std::chrono::milliseconds(500);

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

}  // namespace

std::string why_no_config(const dcs::Config& config) {
  if (config.version == 0) return "there is no dynamic configuration in the store";
  return "the dynamic configuration in the store is no JSON object: members go on with the last one they "
         "could "
         "read\nHINT: PUT /config replaces it";
}

const Document* ConfigEndpoint::newer_than(dcs::Version version) const {
  const bool recent = clock_.now() - written_at_ < kRememberWritten;
  return recent && written_version_ > version ? &written_ : nullptr;
}

Task<bool> ConfigEndpoint::changed_since(dcs::Version version, Duration patience) {
  const auto cluster = co_await reads_.cluster(ControlReads::Asker::admitted, clock_.now() + patience);
  co_return cluster && (*cluster)->config.version != version;
}

Task<dcs::WriteResult> ConfigEndpoint::write(dcs::Record record, dcs::Condition condition,
                                             Duration patience) {
  const Instant deadline = clock_.now() + patience;
  ha::order::WriteKey order{.record = std::move(record), .condition = condition, .deadline = deadline};
  auto written = co_await mailbox_.ask(std::move(order), deadline + kAnswerMargin);
  if (written) co_return *std::move(written);
  dcs::WriteResult out;
  const bool begun = written.error().kind != Unanswered::Kind::not_begun;
  out.outcome = begun ? dcs::Outcome::unknown : dcs::Outcome::unavailable;
  out.detail = std::move(written.error().why);
  co_return out;
}

Task<HttpResponse> ConfigEndpoint::store(Document next, dcs::Condition condition, Duration patience,
                                         int failure_status) {
  const dcs::WriteResult written = co_await write(dcs::ConfigRecord{next}, condition, patience);
  switch (written.outcome) {
    case dcs::Outcome::done:
      if (written.version > written_version_ || clock_.now() - written_at_ >= kRememberWritten) {
        written_version_ = written.version;
        written_at_ = clock_.now();
        written_ = next;
      }
      co_return json_body(200, next);
    case dcs::Outcome::unknown:
      co_return error_page(failure_status,
                           fmt::format("whether the dynamic configuration was changed is not known: {}\n"
                                       "HINT: GET /config tells what is in force",
                                       written.detail));
    case dcs::Outcome::refused:
      if (const auto* wanted = std::get_if<dcs::IfVersion>(&condition)) {
        const bool changed = co_await changed_since(wanted->version, patience);
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
  log::info("REST API: {} changes the dynamic configuration: {}", request.client_ip, keys_of(*changes));
  auto storing = store(std::move(next), dcs::IfVersion{current.version}, patience, 503);
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
  log::info("REST API: {} replaces the dynamic configuration: {}", request.client_ip, keys_of(*wanted));
  auto storing = store(*wanted, dcs::Always{}, patience, 502);
  auto response = co_await std::move(storing);
  co_return response;
}

}  // namespace tanist::api

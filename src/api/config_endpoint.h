#pragma once

#include <vector>

#include "api/control_reads.h"
#include "core/document.h"
#include "dcs/model.h"
#include "ha/mailbox.h"
#include "net/http.h"

namespace tanist::api {

/// PATCH and PUT /config (rest-api.md §8.1, §8.2). Nothing is stored that members would refuse. Lives on the
/// api thread.
class ConfigEndpoint {
 public:
  ConfigEndpoint(ha::Mailbox& mailbox, ControlReads& reads, Clock& clock)
      : mailbox_(mailbox), reads_(reads), clock_(clock) {}

  /// `patience` bounds each step: the read and the write.
  Task<net::HttpResponse> patch(net::HttpRequest request, Duration patience);
  Task<net::HttpResponse> put(net::HttpRequest request, Duration patience);

  /// What was written here a moment ago, when `seen` is what it replaced: a client reads what it has just
  /// changed.
  const Document* newer_than(const dcs::Config& seen) const;

 private:
  Task<net::HttpResponse> store(dcs::Config current, Document next, dcs::Condition condition,
                                Duration patience, int failure_status);
  Task<bool> changed_since(dcs::Config seen, Duration patience);
  void remember(dcs::Config replaced, const dcs::Version& version, const Document& written);

  ha::Mailbox& mailbox_;
  ControlReads& reads_;
  Clock& clock_;
  dcs::Version written_version_;
  Instant written_at_{};
  Document written_;
  /// What it, and what was written here shortly before, replaced. Versions have no order: what was there is
  /// known by itself.
  std::vector<dcs::Config> replaced_;
};

/// Why there is nothing to show or to patch; `config` is not valid.
std::string why_no_config(const dcs::Config& config);

}  // namespace tanist::api

#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>

#include "api/control_reads.h"
#include "core/document.h"
#include "dcs/model.h"
#include "ha/mailbox.h"
#include "ha/model/snapshot.h"
#include "ha/snapshot_board.h"
#include "net/http.h"

namespace tanist::api {

/// What POST /switchover and POST /failover may ask for (rest-api.md §8.7).
struct SwitchoverRequest {
  /// A failover, which names no leader to leave.
  bool failover = false;
  std::string leader;
  std::string candidate;
  std::optional<WallTime> at;
};

/// `failover`: which of the two was posted. The error is the answer that says what is wrong with the body.
std::expected<SwitchoverRequest, net::HttpResponse> parse_switchover(const Document& body, bool failover,
                                                                     bool paused, WallTime now);

/// Whom a request that is to be carried out now may go to, with their REST addresses; the error is the answer
/// that says why it cannot.
std::expected<std::map<std::string, std::string>, net::HttpResponse> switchover_candidates(
    const SwitchoverRequest& request, const dcs::Cluster& cluster, const Document& dynamic);

/// What those that were asked, and the leader, say against it; empty: at least one of them can lead. A
/// switchover goes to nobody who cannot go on with the logical slots that the leader tells of (replication.md
/// §9).
std::string why_not_possible(const SwitchoverRequest& request,
                             const std::map<std::string, ha::PeerAnswer>& answers);

/// POST /switchover, POST /failover and DELETE /switchover (rest-api.md §8.3, §8.7): the request is written
/// into the store, where whoever leads finds it, and answered when another member accepts writes, or when
/// that has failed. Lives on the api thread.
class SwitchoverEndpoint {
 public:
  /// All must outlive this.
  SwitchoverEndpoint(ha::Mailbox& mailbox, ControlReads& reads, ha::SnapshotBoard& board, Clock& clock)
      : mailbox_(mailbox), reads_(reads), board_(board), clock_(clock) {}

  /// `patience` bounds each step with the store.
  Task<net::HttpResponse> post(net::HttpRequest request, bool failover, ha::SnapshotPtr snapshot,
                               Duration patience);
  Task<net::HttpResponse> drop(Duration patience);

 private:
  struct Asked {
    SwitchoverRequest request;
    /// Who led when it was asked, and where it answers; empty: nobody.
    std::string leader;
    std::string leader_url;
    /// Of the request in the store.
    dcs::Version version;
    Duration patience{};
    Instant deadline{};
  };

  Task<std::map<std::string, ha::PeerAnswer>> ask(std::map<std::string, std::string> api_urls,
                                                  Duration patience);
  Task<void> change(ha::SnapshotPtr seen);
  Task<net::HttpResponse> outcome(Asked asked);
  Task<net::HttpResponse> success(Asked asked, std::string name, ha::PeerAnswer answer);

  ha::Mailbox& mailbox_;
  ControlReads& reads_;
  ha::SnapshotBoard& board_;
  Clock& clock_;
};

/// Its value is for how many milliseconds nobody could write: from the stop of the old primary to the first
/// moment at which the new one was seen to accept writes, each told as an age by the member that knows it,
/// and so compared by the clock of the member that answers. Missing: one of both could not be had.
inline constexpr const char* kWriteGapHeader = "Tanist-Write-Gap-Ms";

}  // namespace tanist::api

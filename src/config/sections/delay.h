#pragma once

#include <array>
#include <string_view>

#include "config/settings.h"

/// Replicas that stay behind on purpose.
namespace tanist::config {

/// Parameters that PostgreSQL reads for recovery (postgres.md §16): one of them among
/// `postgresql.parameters` replaces `postgresql.recovery_conf` as a whole.
inline constexpr std::array<std::string_view, 18> kRecoveryParameters = {"archive_cleanup_command",
                                                                         "pause_at_recovery_target",
                                                                         "primary_conninfo",
                                                                         "primary_slot_name",
                                                                         "promote_trigger_file",
                                                                         "recovery_end_command",
                                                                         "recovery_min_apply_delay",
                                                                         "recovery_target",
                                                                         "recovery_target_action",
                                                                         "recovery_target_inclusive",
                                                                         "recovery_target_lsn",
                                                                         "recovery_target_name",
                                                                         "recovery_target_time",
                                                                         "recovery_target_timeline",
                                                                         "recovery_target_xid",
                                                                         "restore_command",
                                                                         "standby_mode",
                                                                         "trigger_file"};

/// As a standby it would wait before it replays what it has received: recovery_min_apply_delay is set and
/// more than nothing.
bool replays_late(const Postgresql& postgresql);

}  // namespace tanist::config

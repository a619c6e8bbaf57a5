#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/slots.h"
#include "postgres/types.h"

/// From the slots that there are to those that there should be (replication.md §7). Pure: who decides and who
/// carries out ask the same function, so that nothing is asked of a server where nothing differs.
namespace tanist::postgres {

/// Which slots a server is to have, and what may become of others.
struct SlotsWanted {
  std::vector<WantedSlot> slots;
  /// Slots that nobody wants, or that have lost WAL, are dropped unless one of `ignored` fits them.
  bool drop_unknown = true;
  std::vector<config::SlotMatcher> ignored;
  /// Slots that nobody streams from may not hold back vacuum: they are made anew.
  bool clean_xmin = true;
  /// This server follows another, and copies failover slots from it: those that it made itself as a primary
  /// are in the way of that.
  bool drop_unsynced = false;
  /// Whom a standby may ask whether its logical slots can be relied on, and the slot that it streams by
  /// there, or that whom it streams from does; nullopt: nobody, empty: none.
  std::optional<Upstream> leader;
  std::string own_slot;
  bool operator==(const SlotsWanted&) const = default;
};

struct SlotStep {
  enum class Kind { drop, create, advance };
  Kind kind = Kind::drop;
  /// What the slot is, or is to be; empty plugin: a physical one.
  std::string name;
  std::string database = {};
  std::string plugin = {};
  /// Of an advance; of a logical slot that is created: how far its consumer is known to have got with an
  /// earlier one.
  Lsn to = {};
  /// What is said before a drop.
  std::string why = {};
  /// It is said as a warning.
  bool warns = false;
  bool logical() const { return !plugin.empty(); }
};

/// In the order in which they are taken; none: there is nothing to do.
std::vector<SlotStep> slot_steps(const Probe& probe, const SlotsWanted& wanted);

/// Logical slots that a standby should have and has not, and whose position is known: to be copied
/// (replication.md §8).
std::vector<WantedSlot> slots_to_copy(const Probe& probe, const SlotsWanted& wanted);

/// One of the matchers fits the slot.
bool is_ignored(const SlotSeen& slot, const std::vector<config::SlotMatcher>& matchers);

/// The slot is what is wanted under its name (replication.md §6).
bool matches(const SlotSeen& seen, const WantedSlot& want);

/// Slots can be advanced by name, and logical ones be kept on standbys. 0: the version is not known yet.
bool can_advance_slots(int server_version);

}  // namespace tanist::postgres

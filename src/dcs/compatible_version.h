#pragma once

namespace tanist::dcs {

/// The Patroni level of the keys in the store and of the REST API that others may count on: three numbers
/// that peers parse and compare.
inline constexpr const char* kCompatibleVersion = "4.1.4";

}  // namespace tanist::dcs

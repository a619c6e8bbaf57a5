#pragma once

#include <string>
#include <string_view>

/// What a line's place in the source is called in the log (config.md §10.8).
namespace tanist::log {

/// `ha/engine/act.cc`: relative to the source root, whatever path the compiler was given.
std::string_view source_path(std::string_view file);

/// The logger that a source file gave itself (TANIST_LOGGER): `patroni.ha`, `patroni.dcs.etcd3`; `patroni`
/// for one that did not.
std::string logger_name(std::string_view source_path);

/// `tanist` and `tanist.x` mean `patroni` and `patroni.x`.
std::string canonical_logger(std::string_view name);

/// The bare name in what std::source_location says of a function: `reload`; a lambda is `<lambda>`.
std::string_view bare_function_name(std::string_view signature);

}  // namespace tanist::log

#pragma once

#include <expected>
#include <string>

/// The removal of a whole cluster, which may take minutes and be broken off in the middle: what is left then
/// must neither be started nor stay for ever. Everything here blocks: for the disk thread only.
namespace tanist::postgres {

/// remove_data_directory(), with the file `mark` naming the cluster while that goes on.
std::expected<void, std::string> remove_cluster(const std::string& data_dir, const std::string& mark);

/// Goes on with a removal that was broken off. What somebody put there since is left alone.
std::expected<void, std::string> finish_removal(const std::string& data_dir, const std::string& mark);

}  // namespace tanist::postgres

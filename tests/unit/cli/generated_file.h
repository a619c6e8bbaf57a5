#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace tanist::cli::test {

/// The whole file; empty: there is none.
inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// That the file holds what is made from the declarations; with TANIST_UPDATE_DOCS=1 it is written instead.
inline void expect_current(const std::string& path, const std::string& text) {
  if (std::getenv("TANIST_UPDATE_DOCS")) std::ofstream(path, std::ios::binary) << text;
  EXPECT_TRUE(read_file(path) == text)
      << path << " is out of date: run this test with TANIST_UPDATE_DOCS=1 and check in the result";
}

}  // namespace tanist::cli::test

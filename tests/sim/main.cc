#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "cluster.h"

namespace {

/// An exception that leaves a coroutine of the engine ends the process: with the story that led to it.
[[noreturn]] void tell_and_abort() {
  if (const auto* cluster = tanist::sim::Cluster::current())
    std::fprintf(stderr, "terminated\n%s", cluster->report().c_str());
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(tell_and_abort);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

#include "postgres/copies/custom_bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

using testing::ElementsAre;

TEST(CustomBootstrap, the_script_is_told_scope_and_place_and_its_own_keys) {
  config::Settings settings;
  settings.scope = "batman";
  settings.postgresql.data_dir = "/data";
  config::CustomBootstrap custom;
  custom.arguments = {{"stanza", "main"}, {"delta", "True"}};
  EXPECT_THAT(bootstrap_arguments(settings, custom),
              ElementsAre("--scope=batman", "--datadir=/data", "--stanza=main", "--delta=True"));
  custom.no_params = true;
  EXPECT_THAT(bootstrap_arguments(settings, custom), ElementsAre("--stanza=main", "--delta=True"));
}

}  // namespace
}  // namespace tanist::postgres

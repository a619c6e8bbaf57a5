#include "cli/reference.h"

#include <gtest/gtest.h>

namespace tanist::cli {
namespace {

TEST(Reference, each_command_has_a_section_with_its_options) {
  const Program program{
      .name = "tool",
      .options = {{.names = "-k", .help = "one | two"}},
      .commands = {{.name = "paint",
                    .help = "Paint it",
                    .arguments = {{.name = "THING", .help = "What", .required = true}},
                    .options = {{.names = "-c,--colour", .help = "Which\none", .value = "C"}},
                    .footer = "With care.\nExamples:\n  paint door\n  paint wall\nThat is all."}}};
  EXPECT_EQ(reference(program),
            "| command | what it does |\n|---|---|\n"
            "| [`paint THING`](#paint) | Paint it |\n"
            "\nBefore the command:\n\n| option | meaning |\n|---|---|\n| `-k` | one \\| two |\n"
            "\n### paint\n\n    tool paint THING\n\nPaint it.\n\n`THING`: What.\n\n"
            "| option | meaning |\n|---|---|\n| `-c`, `--colour` `C` | Which one |\n"
            "\nWith care.\nExamples:\n\n    paint door\n    paint wall\nThat is all.\n");
}

TEST(Reference, a_section_of_a_page_is_replaced_and_the_rest_is_left) {
  const std::string page = "one\n<!-- begin: x -->\nold\n<!-- end: x -->\ntwo\n";
  EXPECT_EQ(with_section(page, "x", "new\n"), "one\n<!-- begin: x -->\n\nnew\n\n<!-- end: x -->\ntwo\n");
  EXPECT_EQ(with_section(with_section(page, "x", "new\n"), "x", "new\n"), with_section(page, "x", "new\n"));
  EXPECT_EQ(with_section(page, "y", "new\n"), page);
}

}  // namespace
}  // namespace tanist::cli

#include "core/document.h"
#include "json/parse.h"

#include <gtest/gtest.h>

#include <ctime>

namespace tanist {
namespace {

Document json(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Document());
}

TEST(document, text_form_is_that_of_python) {
  EXPECT_EQ(json("true").text(), "True");
  EXPECT_EQ(json("null").text(), "None");
  EXPECT_EQ(json("1.0").text(), "1.0");
  EXPECT_EQ(json("[1,\"a\",null]").text(), "[1, 'a', None]");
  EXPECT_EQ(json("{\"a\":\"it's\"}").text(), "{'a': \"it's\"}");
}

TEST(document, equality_for_change_detection_is_by_text) {
  EXPECT_TRUE(equal_by_text(json("2"), json("\"2\"")));
  EXPECT_TRUE(equal_by_text(json("true"), json("\"True\"")));
  EXPECT_FALSE(equal_by_text(json("true"), json("\"true\"")));
  EXPECT_FALSE(equal_by_text(json("null"), json("{}")));
  EXPECT_TRUE(equal_by_text(json(R"({"a":1,"b":{"c":2}})"), json(R"({"b":{"c":"2"},"a":1})")));
}

TEST(document, a_null_deletes_a_map_merges_and_a_list_is_replaced) {
  Document target = json(R"({"ttl":30,"postgresql":{"parameters":{"a":1,"b":2}},"list":[1,2]})");
  EXPECT_TRUE(patch(target, json(R"({"ttl":null,"postgresql":{"parameters":{"a":null,"c":3}},"list":[3]})")));
  EXPECT_EQ(target, json(R"({"postgresql":{"parameters":{"b":2,"c":3}},"list":[3]})"));
}

TEST(document, large_maps_are_patched_and_compared_as_small_ones_are) {
  const auto numbered = [](int from, int to, const char* value) {
    std::string out;
    for (int i = from; i < to; ++i) out += (out.empty() ? "\"k" : ",\"k") + std::to_string(i) + "\":" + value;
    return json("{" + out + "}");
  };
  Document target = numbered(0, 100, "1");
  EXPECT_TRUE(patch(target, numbered(50, 150, "\"1\"")));
  EXPECT_TRUE(equal_by_text(target, numbered(0, 150, "1")));
  EXPECT_FALSE(target == numbered(0, 150, "2"));
  EXPECT_TRUE(patch(target, numbered(1, 149, "null")));
  EXPECT_EQ(to_json(target), R"({"k0":1,"k149":"1"})");
  EXPECT_FALSE(patch(target, numbered(1, 149, "null")));
  Document nothing;
  EXPECT_FALSE(patch(nothing, json(R"({"a":null})")));
  EXPECT_TRUE(nothing.is_null());
}

TEST(document, ten_thousand_keys_are_no_work) {
  // As many as a body may have: by looking each key up from the front this is a hundred million comparisons.
  Document all = Document::map();
  for (int i = 0; i < 10000; ++i)
    all.entries().push_back({"parameter_of_some_length_" + std::to_string(i), i, 0});
  Document reversed = Document::map();
  reversed.entries().assign(all.entries().rbegin(), all.entries().rend());
  Document target = all;
  const auto began = std::clock();
  EXPECT_TRUE(equal_by_text(all, reversed));
  EXPECT_FALSE(patch(target, reversed));
  EXPECT_TRUE(all == reversed);
  EXPECT_LT(static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC, 0.5);
}

TEST(document, a_patch_that_changes_nothing_says_so) {
  Document target = json(R"({"a":1,"m":{"x":1}})");
  EXPECT_FALSE(patch(target, json(R"({"a":"1","m":{},"gone":null})")));
}

TEST(document, nulls_inside_a_new_map_are_kept) {
  Document target = Document::map();
  EXPECT_TRUE(patch(target, json(R"({"slots":{"x":null}})")));
  EXPECT_EQ(to_json(target), R"({"slots":{"x":null}})");
}

TEST(document, integers_are_read_as_c_does_and_rounded_half_to_even) {
  EXPECT_EQ(parse_int(Document("1.")), std::nullopt);
  EXPECT_EQ(parse_int(Document(".5")), 0);
  EXPECT_EQ(parse_int(Document("2.5")), 2);
  EXPECT_EQ(parse_int(Document("3.5")), 4);
  EXPECT_EQ(parse_int(Document("1e3")), 1000);
  EXPECT_EQ(parse_int(Document("-070")), -56);
  EXPECT_EQ(parse_int(Document("0x10")), 16);
  EXPECT_EQ(parse_int(Document("25MB")), std::nullopt);
  EXPECT_EQ(parse_int(Document("True")), std::nullopt);
  EXPECT_EQ(parse_int(Document(true)), std::nullopt);
}

TEST(document, units_convert_to_the_base_unit) {
  EXPECT_EQ(parse_int(Document("30min"), "s"), 1800);
  EXPECT_EQ(parse_int(Document("4097.5kB"), "kB"), 4098);
  EXPECT_EQ(parse_int(Document("1GB"), "MB"), 1024);
  EXPECT_EQ(parse_int(Document("32MB"), "16384kB"), 2);
  EXPECT_EQ(parse_int(Document("1 h"), "min"), 60);
  EXPECT_EQ(parse_int(Document("1kb"), "kB"), std::nullopt);
  EXPECT_EQ(parse_int(Document("1s"), "kB"), std::nullopt);
}

TEST(json, output_is_compact_and_ascii) {
  EXPECT_EQ(to_json(Document::map({{"a", 1}, {"b", Document::list({"é", Document(), 1.5})}})),
            "{\"a\":1,\"b\":[\"\\u00e9\",null,1.5]}");
  EXPECT_EQ(to_json(Document("\xF0\x9F\x90\x98")), "\"\\ud83d\\udc18\"");
  EXPECT_EQ(to_json(Document("a\"\\\n\x01")), "\"a\\\"\\\\\\n\\u0001\"");
}

TEST(json, spaced_form_is_that_of_the_rest_api) {
  EXPECT_EQ(to_spaced_json(json(R"({"a":1,"b":[1,2]})")), R"({"a": 1, "b": [1, 2]})");
}

TEST(json, broken_text_is_an_error_that_says_where) {
  for (const char* text : {"", "{", "[1,]", "{\"a\":1} x", "nul", "\"\\u12\""}) {
    const auto parsed = parse_json(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_NE(parsed.error().find("at byte"), std::string::npos);
  }
}

TEST(json, an_integer_beyond_64_bits_is_kept_as_text) {
  const auto again = [](std::string_view text) { return to_json(parse_json(text).value()); };
  EXPECT_EQ(again("[9223372036854775807,-9223372036854775808]"),
            "[9223372036854775807,-9223372036854775808]");
  EXPECT_EQ(again("[9223372036854775808]"), R"(["9223372036854775808"])");
  EXPECT_EQ(again("[-9223372036854775809,1]"), R"(["-9223372036854775809",1])");
  EXPECT_EQ(again(R"({"a":100000000000000000000000000000000})"),
            R"({"a":"100000000000000000000000000000000"})");
  EXPECT_EQ(again(R"({"a\"1":"\\","b":"x 99999999999999999999 y","c":99999999999999999999})"),
            R"({"a\"1":"\\","b":"x 99999999999999999999 y","c":"99999999999999999999"})");
  EXPECT_EQ(again("[1e30]"), again("[1e+30]")) << "no integer, and none was meant";
  EXPECT_TRUE(parse_json("[0.12345678901234567890]").value().as_list()[0].is_double());
  EXPECT_FALSE(parse_json("[00000000000000000000001]"));
  EXPECT_FALSE(parse_json("[99999999999999999999"));
}

TEST(json, deep_nesting_is_refused) {
  EXPECT_FALSE(parse_json(std::string(1000, '[')).has_value());
}

TEST(json, an_object_with_very_many_keys_is_refused) {
  std::string text = "{\"k\":1";
  for (int i = 0; i < 10001; ++i) text += ",\"k" + std::to_string(i) + "\":1";
  const auto parsed = parse_json(text + "}");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error(), "more than 10000 keys in one object");
}

TEST(json, the_last_of_equal_keys_wins) {
  EXPECT_EQ(to_json(json(R"({"a":1,"b":2,"a":3})")), R"({"a":3,"b":2})");
}

TEST(json, positions_keep_all_their_bits) {
  EXPECT_EQ(to_json(json("9223372036854775807")), "9223372036854775807");
}

TEST(document, copies_are_independent) {
  Document a = json(R"({"x":{"y":1}})");
  Document b = a;
  b.find("x")->set("y", 2);
  EXPECT_EQ(a.find_path("x.y")->as_int(), 1);
  EXPECT_EQ(b.find_path("x.y")->as_int(), 2);
}

}  // namespace
}  // namespace tanist

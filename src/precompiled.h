// What nearly every file includes of the standard library and fmt, compiled once for the presets that
// ask for it (cmake/precompiled.cmake). Nothing relies on it: each file includes what it uses.
#pragma once

#include <fmt/core.h>
#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <expected>
#include <filesystem>
#include <fstream>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

// Files of bytes by key, for what takes long to make and comes out the same the next time: compiled device code. A file that is
// damaged, somebody else's or not to be read counts as none, and what cannot be written is not kept. From any thread and process.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lophi {

// FNV-1a
uint64_t hash_of(std::span<const std::byte> bytes);

class DiskCache {
 public:
  // `folder` in UTF-8, made when something is put; empty: nothing is kept
  explicit DiskCache(const std::string& folder) : folder_(folder) {}

  // The key says all that the bytes depend on. It stands in the file.
  std::optional<std::vector<std::byte>> get(std::string_view key) const noexcept;
  void put(std::string_view key, std::span<const std::byte> bytes) const noexcept;

 private:
  std::string folder_;
};

}  // namespace lophi

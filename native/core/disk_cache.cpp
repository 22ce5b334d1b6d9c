#include "core/disk_cache.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

namespace lophi {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMax = uint64_t{64} << 20;

// A file: this, the key, the bytes.
struct Head {
  char magic[8] = {'l', 'o', 'p', 'h', 'i', ' ', 'c', '1'};
  uint64_t key_bytes = 0, bytes = 0, hash = 0;
};

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

fs::path path_of(const std::string& folder, std::string_view key) {
  const fs::path base(std::u8string(folder.begin(), folder.end()));
  return base / hex(hash_of(std::as_bytes(std::span(key))));
}

// Of one file among all that processes write at a time.
std::string unique() {
  static std::atomic<uint64_t> next{uint64_t{std::random_device{}()} << 32};
  return hex(++next);
}

}  // namespace

uint64_t hash_of(std::span<const std::byte> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte each : bytes) hash = (hash ^ std::to_integer<uint64_t>(each)) * 0x100000001b3;
  return hash;
}

std::optional<std::vector<std::byte>> DiskCache::get(std::string_view key) const noexcept {
  if (folder_.empty()) return std::nullopt;
  try {
    std::ifstream file(path_of(folder_, key), std::ios::binary | std::ios::ate);
    const auto size = static_cast<uint64_t>(file.tellg());
    Head head;
    if (!file || size < sizeof head + key.size() || size > kMax) return std::nullopt;
    file.seekg(0);
    file.read(reinterpret_cast<char*>(&head), sizeof head);
    if (!file || !std::ranges::equal(head.magic, Head{}.magic) || head.key_bytes != key.size() ||
        head.bytes != size - sizeof head - key.size())
      return std::nullopt;
    std::string stored(key.size(), '\0');
    std::vector<std::byte> bytes(head.bytes);
    file.read(stored.data(), static_cast<std::streamsize>(stored.size()));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file || stored != key || hash_of(bytes) != head.hash) return std::nullopt;
    return bytes;
  } catch (...) {
    return std::nullopt;
  }
}

void DiskCache::put(std::string_view key, std::span<const std::byte> bytes) const noexcept {
  if (folder_.empty() || bytes.size() > kMax - sizeof(Head) - std::min<uint64_t>(key.size(), kMax / 2)) return;
  try {
    const fs::path path = path_of(folder_, key);
    fs::create_directories(path.parent_path());
    fs::path written = path;
    written += '.';
    written += unique();
    Head head;
    head.key_bytes = key.size();
    head.bytes = bytes.size();
    head.hash = hash_of(bytes);
    std::ofstream file(written, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(&head), sizeof head);
    file.write(key.data(), static_cast<std::streamsize>(key.size()));
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file.close();
    std::error_code failed;
    if (file.good()) fs::rename(written, path, failed);  // one step, so that nobody finds half of it
    if (!file.good() || failed) fs::remove(written, failed);
  } catch (...) {
    // It will be made again.
  }
}

}  // namespace lophi

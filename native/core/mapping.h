// Read-only maps of files, shared by everybody in the process who maps the same file.
#pragma once
#include <memory>
#include <string>

#include "core/part.h"

namespace lophi {

// A file that must stand still while it is mapped: one that became shorter ends the process where it is read.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::string& path);  // throws ERR_FILE
  explicit MappedFile(const std::string& path);
  ~MappedFile();

  const std::byte* data() const;
  uint64_t size() const;
  // Throws ERR_FILE where it was written to, or cut, since it was opened. A file that took its name does not count.
  void check() const;

 private:
  struct Open;
  std::unique_ptr<const Open> open_;
};

// `size` bytes at `offset` of the file; throws ERR_FILE or, when the range lies outside, ERR_FORMAT.
Bytes map_range(const std::string& path, uint64_t offset, uint64_t size);

}  // namespace lophi

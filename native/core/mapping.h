// Read-only maps of files, shared by everybody in the process who maps the same file.
#pragma once
#include <memory>
#include <string>

#include "core/weight.h"

namespace lophi {

// `size` bytes at `offset` of the file; throws ERR_FILE or, when the range lies outside, ERR_FORMAT. The map lives as long as the owner.
Bytes map_range(const std::string& path, uint64_t offset, uint64_t size);

}  // namespace lophi

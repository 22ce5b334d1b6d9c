// Device code compiled ahead of time, beside the addon. The loader, which knows the package's folders, tells the names; it unpacks
// the one that a device asks for (its detail "image") and hands it to open().
#pragma once
#include <string>
#include <vector>

namespace lophi {

void set_image_names(std::vector<std::string> names);              // "cuda/sm_90a"
std::vector<std::string> image_names(const std::string& backend);  // "sm_90a"

}  // namespace lophi

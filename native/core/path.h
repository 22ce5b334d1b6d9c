// Places in a program, "layer.7.mlp": interned for the life of the process, so that a call carries a number.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace lophi {

// The number of a path; 0 is the empty one.
int intern_path(std::string_view path);
bool is_path(int64_t number);
const std::string& path_name(int path);

// " (in layer.7 on cpu)", or " (on cpu)" outside any path: what an error adds to say where.
std::string located(int path, std::string_view device);

}  // namespace lophi

#include "cuda/modules.h"

#include <charconv>
#include <string_view>

#include "core/disk_cache.h"
#include "core/error.h"
#include "cuda/kernels.gen.h"

namespace lophi::cuda {
namespace {

int number_of(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::map<std::string, std::span<const std::byte>> parse(const Bytes& image) {
  std::map<std::string, std::span<const std::byte>> code;
  const std::string_view text(reinterpret_cast<const char*>(image.data), image.size);
  const size_t end = text.find("\n\n");
  const auto damaged = [] {
    return FileError("ERR_FORMAT", "cuda", "the kernel image is damaged: npm run cuda:images");
  };
  if (end == std::string_view::npos) throw damaged();
  size_t offset = end + 2;
  for (size_t line = 0; line < end;) {
    const size_t stop = std::min(text.find('\n', line), end), space = text.find(' ', line);
    if (space == std::string_view::npos || space > stop) throw damaged();
    size_t bytes = 0;
    std::from_chars(text.data() + space + 1, text.data() + stop, bytes);
    if (bytes == 0 || bytes > image.size - offset) throw damaged();
    code[std::string(text.substr(line, space - line))] = {image.data + offset, bytes};
    offset += bytes;
    line = stop + 1;
  }
  return code;
}

}  // namespace

std::string choose_image(std::span<const std::string> names, int capability) {
  std::string best;
  int rank = 0;  // PTX by version; above it machine code by version; above that an exact match
  for (const std::string& name : names) {
    const std::string_view text = name;
    const bool ptx = text.starts_with("compute_");
    if (!ptx && !text.starts_with("sm_")) continue;
    const int version = number_of(text.substr(ptx ? 8 : 3));
    const bool fits = ptx                   ? version <= capability
                      : text.ends_with('a') ? version == capability
                                            : version <= capability && version / 10 == capability / 10;
    const int order = version + (ptx ? 0 : text.ends_with('a') ? 2000 : 1000);
    if (!fits || order <= rank) continue;
    rank = order;
    best = name;
  }
  return best;
}

Modules::Modules(std::shared_ptr<const Gpu> gpu, Bytes image)
    : gpu_(std::move(gpu)), image_(std::move(image)), functions_(kKernelCount) {
  if (!gpu_->driver.emulated) code_ = parse(image_);
}

Modules::~Modules() {
  try {
    const Current current(*gpu_);
    for (const auto& [op, module] : modules_) gpu_->driver.module_unload(module);
  } catch (const Error&) {
    // The context is lost, and its modules with it.
  }
}

CUmodule Modules::module_of(const std::string& name) {
  if (const auto known = modules_.find(name); known != modules_.end()) return known->second;
  const void* image = name.c_str();  // what an emulated driver is given: it looks kernels up by name
  std::vector<std::byte> aligned;    // the driver reads ELF structures in place
  if (!gpu_->driver.emulated) {
    const auto code = code_.find(name);
    if (code == code_.end())
      throw Error("ERR_DRIVER", name + ": the kernel image must hold it, but it does not: npm run cuda:images");
    aligned.assign(code->second.begin(), code->second.end());
    image = aligned.data();
  }
  CUmodule module = nullptr;
  gpu_->driver.check(gpu_->driver.module_load(&module, image), "cuModuleLoadData");
  return modules_[name] = module;
}

uint64_t Modules::version() const { return hash_of(std::as_bytes(std::span(image_.data, image_.size))); }

CUfunction Modules::function(int kernel) {
  const std::lock_guard lock(mutex_);
  CUfunction& function = functions_[static_cast<size_t>(kernel)];
  const auto& [module, name] = kKernels[kernel];
  if (!function)
    gpu_->driver.check(gpu_->driver.module_function(&function, module_of(module), name),
                       (std::string("cuModuleGetFunction of ") + name).c_str());
  return function;
}

}  // namespace lophi::cuda

#include "core/mapping.h"

#include <map>
#include <mutex>
#include <tuple>

#include "core/error.h"

#ifdef _WIN32
#include <windows.h>

#include <filesystem>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#endif

namespace lophi {
namespace {

// Tells two files apart, and a file from what became of it: volume, index, size, time of the last write.
using Identity = std::tuple<uint64_t, uint64_t, uint64_t, uint64_t>;

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
  throw FileError("ERR_FILE", path, reason);
}

#ifdef _WIN32

// Nobody may write to it while it is open.
struct File {
  HANDLE handle;
  explicit File(const std::string& path)
      : handle(CreateFileW(std::filesystem::u8path(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE,
                           nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr)) {
    if (handle == INVALID_HANDLE_VALUE) fail(path, "cannot be opened: error " + std::to_string(GetLastError()));
  }
  ~File() { CloseHandle(handle); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
};

Identity identify(const File& file, const std::string& path) {
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(file.handle, &info))
    fail(path, "cannot be examined: error " + std::to_string(GetLastError()));
  const auto join = [](DWORD high, DWORD low) { return static_cast<uint64_t>(high) << 32 | low; };
  return {info.dwVolumeSerialNumber, join(info.nFileIndexHigh, info.nFileIndexLow),
          join(info.nFileSizeHigh, info.nFileSizeLow),
          join(info.ftLastWriteTime.dwHighDateTime, info.ftLastWriteTime.dwLowDateTime)};
}

const void* map_whole(const File& file, uint64_t, const std::string& path) {
  const HANDLE section = CreateFileMappingW(file.handle, nullptr, PAGE_READONLY, 0, 0, nullptr);
  const void* data = section ? MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0) : nullptr;
  if (section) CloseHandle(section);
  if (!data) fail(path, "cannot be mapped: error " + std::to_string(GetLastError()));
  return data;
}

void unmap(const void* data, uint64_t) { UnmapViewOfFile(data); }

#else

struct File {
  int handle;
  explicit File(const std::string& path) : handle(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (handle < 0) fail(path, std::string("cannot be opened: ") + std::strerror(errno));
  }
  ~File() { close(handle); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
};

Identity identify(const File& file, const std::string& path) {
  struct stat s;
  if (fstat(file.handle, &s) != 0) fail(path, std::string("cannot be examined: ") + std::strerror(errno));
#ifdef __APPLE__
  const timespec& written = s.st_mtimespec;
#else
  const timespec& written = s.st_mtim;
#endif
  return {s.st_dev, s.st_ino, static_cast<uint64_t>(s.st_size),
          static_cast<uint64_t>(written.tv_sec) * 1000000000u + static_cast<uint64_t>(written.tv_nsec)};
}

const void* map_whole(const File& file, uint64_t size, const std::string& path) {
  void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.handle, 0);
  if (data == MAP_FAILED) fail(path, std::string("cannot be mapped: ") + std::strerror(errno));
  return data;
}

void unmap(const void* data, uint64_t size) { munmap(const_cast<void*>(data), size); }

#endif

}  // namespace

struct MappedFile::Open {
  const std::string path;
  const File file;
  const Identity id;
  const uint64_t size;
  const void* data;

  explicit Open(const std::string& name)
      : path(name),
        file(name),
        id(identify(file, name)),
        size(std::get<2>(id)),
        data(size ? map_whole(file, size, name) : nullptr) {}
  ~Open() {
    if (data) unmap(data, size);
  }
};

MappedFile::MappedFile(const std::string& path) : open_(std::make_unique<Open>(path)) {}
MappedFile::~MappedFile() = default;

const std::byte* MappedFile::data() const { return static_cast<const std::byte*>(open_->data); }
uint64_t MappedFile::size() const { return open_->size; }

void MappedFile::check() const {
  const Identity now = identify(open_->file, open_->path);
  if (now == open_->id) return;
  const uint64_t size = std::get<2>(now);
  fail(open_->path, size == open_->size ? "changed since it was loaded"
                                        : "changed since it was loaded: it had " + std::to_string(open_->size) +
                                              " bytes and has " + std::to_string(size));
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  static std::mutex mutex;
  static std::map<Identity, std::weak_ptr<const MappedFile>> maps;
  const Identity id = identify(File(path), path);
  const std::lock_guard lock(mutex);
  std::erase_if(maps, [](const auto& entry) { return entry.second.expired(); });
  if (auto known = maps[id].lock()) return known;
  auto file = std::make_shared<const MappedFile>(path);
  maps[file->open_->id] = file;
  return file;
}

Bytes map_range(const std::string& path, uint64_t offset, uint64_t size) {
  auto file = MappedFile::open(path);
  if (offset > file->size() || size > file->size() - offset)
    throw FileError("ERR_FORMAT", path,
                    "a range of " + std::to_string(size) + " bytes at " + std::to_string(offset) +
                        " must lie inside the file, but it has " + std::to_string(file->size()) + " bytes");
  const std::byte* data = file->data() + offset;
  return {file, data, static_cast<size_t>(size), file};
}

}  // namespace lophi

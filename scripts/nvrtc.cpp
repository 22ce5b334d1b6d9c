// nvrtc <libnvrtc> <arch> <source.cu> <output> <include folder> <headers>: one .cu file to a cubin (sm_*) or PTX (compute_*). The
// compiler's log, with registers and spills per kernel, goes to stdout, the PTX of a cubin to <output>.ptx. NVRTC is opened at run
// time; headers are handed to it by name.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    std::exit(1);
  }
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void* library;
using Program = struct Opaque*;

template <class... A>
void call(const char* name, A... arguments) {
  const auto function = reinterpret_cast<int (*)(A...)>(dlsym(library, name));
  const int result = function ? function(arguments...) : -1;
  if (result == 0) return;
  std::fprintf(stderr, "%s failed with %d\n", name, result);
  std::exit(1);
}

std::string log_of(Program program) {
  size_t size = 0;
  call("nvrtcGetProgramLogSize", program, &size);
  std::string text(size, '\0');
  call("nvrtcGetProgramLog", program, text.data());
  return text.c_str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return std::fprintf(stderr, "nvrtc: needs library, arch, source, output, include folder, headers\n"), 1;
  const std::string arch = argv[2], source = argv[3], folder = argv[5];
  library = dlopen(argv[1], RTLD_NOW);
  if (!library) return std::fprintf(stderr, "%s\n", dlerror()), 1;

  const std::vector<const char*> names(argv + 6, argv + argc);
  std::vector<std::string> texts;
  std::vector<const char*> headers;
  for (const char* name : names) texts.push_back(read(folder + "/" + name));
  for (const std::string& text : texts) headers.push_back(text.c_str());

  Program program = nullptr;
  const std::string text = read(source);
  call("nvrtcCreateProgram", &program, text.c_str(), source.c_str(), static_cast<int>(headers.size()), headers.data(),
       const_cast<const char**>(names.data()));
  const std::string option = "--gpu-architecture=" + arch;
  const char* options[] = {option.c_str(), "--std=c++17", "--ptxas-options=-v"};
  const auto compile = reinterpret_cast<int (*)(Program, int, const char**)>(dlsym(library, "nvrtcCompileProgram"));
  const int result = compile ? compile(program, 3, options) : -1;
  std::fputs(log_of(program).c_str(), result ? stderr : stdout);
  if (result) return 1;

  const auto write = [&](const std::string& path, const char* get_size, const char* get) {
    size_t size = 0;
    call(get_size, program, &size);
    std::vector<char> code(size);
    call(get, program, code.data());
    std::ofstream(path, std::ios::binary).write(code.data(), static_cast<std::streamsize>(size));
  };
  const std::string output = argv[4];
  const bool is_ptx = arch.rfind("compute_", 0) == 0;
  write(is_ptx ? output : output + ".ptx", "nvrtcGetPTXSize", "nvrtcGetPTX");
  if (!is_ptx) write(output, "nvrtcGetCUBINSize", "nvrtcGetCUBIN");
}

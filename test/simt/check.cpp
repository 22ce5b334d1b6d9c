// check <kernel>: runs a planted kernel, one block of 64 threads that must reverse 64 numbers, and says what came out.
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "simt.h"

std::vector<simt::Kernel> all_kernels();

int main(int argc, char** argv) {
  for (const simt::Kernel& kernel : all_kernels()) {
    if (argc < 2 || std::string(argv[1]) != kernel.name) continue;
    std::vector<int> x(64), y(64);  // where AddressSanitizer knows their ends
    for (int i = 0; i < 64; ++i) x[i] = i + 1;
    const int *from = x.data(), *to = y.data();
    void* params[] = {&from, &to};
    try {
      simt::launch(kernel, {}, {64}, 64 * sizeof(int), params);
    } catch (const std::runtime_error& error) {
      std::printf("%s\n", error.what());
      return 2;
    }
    int wrong = 0;
    for (int i = 0; i < 64; ++i) wrong += y[i] != 64 - i;
    const char* order = std::getenv("SIMT_ORDER");
    std::printf("kernel %s: %d of 64 elements are wrong in %s order\n", kernel.name, wrong, order ? order : "forward");
    return wrong ? 1 : 0;
  }
  std::printf("check: no kernel %s\n", argc < 2 ? "given" : argv[1]);
  return 3;
}

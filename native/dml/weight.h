#pragma once
#include <array>
#include <vector>

#include "core/rows.h"
#include "dml/d3d12.h"

namespace lophi::dml {

// Canonical rows of all parts in one buffer, every row at a whole word; a tile order of its own is yet to come.
struct DmlWeight : Weight {
  struct Part {
    Part(const Form& form, bool ordered);
    // ops/<file>.hlsl for this form; what the form fixes is compiled in.
    int shader(Shaders& shaders, const char* file, std::initializer_list<Macro> more) const;

    std::array<uint32_t, kSections> offset{}, stride{};  // bytes
    uint32_t order = 0;                                  // offset of int32 [K], the column at each place; 0: its own
    bool takes_int8 = false;
    std::vector<Macro> form;
  };
  using Weight::Weight;
  std::shared_ptr<Buffer> buffer;
  std::vector<Part> stacked;  // beside `parts`
};

// What shaders that include weights.hlsli have in c2 to c7, for M rows of x.
std::vector<uint32_t> part_constants(int64_t m, const DmlWeight& weight, const Weight::Rows& rows,
                                     const DmlWeight::Part& part);

// Reads band by band into the upload heap; one band is copied while the next is read.
std::shared_ptr<const Weight> make_weight(Gpu& gpu, const WeightSpec& spec);

}  // namespace lophi::dml

// Kernel parameters that host and device code share: one plain struct per kernel, of pointers, long long and int. Pointers to
// elements whose dtype is the kernel's own are void.
#pragma once

namespace lophi::cuda {

// Where a kernel reports what is wrong in its data, and the number of its call: see report() in common.cuh.
struct Faults {
  unsigned* word;
  unsigned call;
};

// y = f(x) over `count` elements.
struct UnaryParams {
  const void* x;
  void* y;  // may be x
  long long count;
};

struct RmsNormParams {
  const void* x;       // (rows, columns)
  const void* weight;  // (columns), of dtype weight_dtype
  void* y;             // (rows, columns), may be x
  long long rows, columns;
  int weight_dtype;
  float epsilon;
};

struct AddRmsNormParams {
  const void *x, *residual;  // (rows, columns)
  const void* weight;        // (columns), of dtype weight_dtype
  void *sum, *y;             // (rows, columns)
  long long rows, columns;
  int weight_dtype;
  float epsilon;
};

struct SiluMulParams {
  const void* x;  // (rows, 2 * columns): gate | up
  void* y;        // (rows, columns)
  long long rows, columns;
};

// y = softmax of every line of x (outer, size, inner) along its middle axis
struct SoftmaxParams {
  const void* x;
  void* y;                       // may be x
  long long lines, size, inner;  // lines: outer * inner
};

// y = the place of the first largest value of every line of x, as above
struct ArgmaxParams {
  const void* x;
  int* y;
  long long lines, size, inner;
};

struct RotaryEmbeddingParams {
  const void* x;           // (tokens, width)
  const float *cos, *sin;  // (rows, half)
  const int* position;     // (tokens)
  void* y;                 // (tokens, width), may be x
  long long tokens, width;
  long long head, half;  // elements of a head, and half of those that rotate
  long long rotated;     // elements of a row whose heads rotate
  long long rows;
  Faults faults;
};

// y [m, n] = a [m, k] · dequantize(b)ᵀ
struct MatmulInt4Params {
  const void* a;               // (m, k)
  const unsigned char* b;      // (n, blocks, block/2): element j of a block in byte j/2, low nibble first
  const void* scales;          // (n, blocks), of dtype scale_dtype
  const unsigned char* zeros;  // (n, ceil(blocks/2)): two blocks a byte; null: 8
  void* y;                     // (m, n)
  long long m, n, k, block, blocks;
  int scale_dtype;
};

// Rows of one part of a weight: the fields of core/form.h, each section in tile order. A strip is 16 rows; how the elements of a
// strip lie is said in weights.cuh.
struct WeightRows {
  static constexpr int kSections = 8;
  enum Section { kLow, kHigh, kScales, kScaleLow, kScaleHigh, kShifts, kShiftLow, kShiftHigh };
  enum Shift { kNone, kZeros, kFloatZeros, kOffsets, kMinima };
  long long first, count, columns;  // rows of the weight
  const unsigned char* data[kSections];
  long long stride[kSections];  // bytes from strip to strip
  const int* order;             // [columns], the column that stands at each place; null: its own
  int floats, type;             // 1: values as they are, of `type`; nothing below counts
  int low, high, zero, codebook;
  long long group;
  int scale_type, super, scale_low, scale_high, scale_zero;
  int shift, shift_low, shift_high;
};

// One section of rows that arrived in canonical form, on its way into tile order.
struct RepackParams {
  const unsigned char* from;  // of a first row that begins a strip
  unsigned char* to;
  long long from_stride, to_stride;  // bytes from row to row, from strip to strip
  long long rows, elements;          // of a row
  int bits;                          // of an element
};

// rmsNorm of rows on their way into a product.
struct NormParams {
  const void* weight;  // (columns), of `dtype`; null: none
  int dtype;
  float epsilon;
  int threads;  // of rms_norm.cu for as many columns
};

// y [m, n] = norm(x) [m, k] · w [n, k]ᵀ + bias [n] + residual [m, n], of which the columns of w's rows are written; or, of w [2n, k],
// silu of the first half of such a row times the second one
struct LinearParams {
  const void* x;  // (m, k)
  WeightRows w;
  const float* bias;     // null: none
  const void* residual;  // (m, n), null: none
  void* y;               // (m, n)
  long long m, n;
  int int8;  // x is rounded as int8 per 32 values
  NormParams norm;
  int silu;
};

// LinearParams for few rows of x and w of 16-bit floats.
struct LinearFloatsParams {
  LinearParams linear;
  int strips, steps;  // of w: of 16 rows, of 16 columns
  int dtype;          // of x, residual and y
};

// x as bytes, for linear_few
struct LinearBytesParams {
  const void* x;     // (m, k), of `dtype`
  const int* order;  // [k], null: its own
  unsigned char* bytes;
  void* known;
  long long k;
  int dtype, aligned;  // float32 in its own order, to be read 16 bytes at a time
  int blocks;          // of 32 columns
  int digits, zero;    // bytes of a value, what levels count from
  int known_columns;   // for each block
  NormParams norm;
};

// LinearParams for few rows of x and units of 128 columns.
struct LinearFewParams {
  LinearParams linear;
  LinearBytesParams x;        // without memory where blocks find the bytes themselves
  int strips, units, groups;  // of w
  int group_pieces;           // of a group: as many blocks of 32 columns, or of 16 where groups are fine
  int super_shift;            // groups that share a scale
  int turns;                  // of a warp for a set of strips: a multiple of its stages
  int phase;                  // units whose bytes of x lie in shared memory at once: a multiple of warps times stages
  int columns;                // rows times digits
};

// x [m, k] as planes of 16-bit floats, padded with zeros, whose sum is x times 1 / scales[row]
struct LinearPrepareParams {
  const void* x;
  const int* order;       // WeightRows::order
  unsigned short* plane;  // (planes, m_padded, k_padded)
  float* scales;          // (m_padded)
  float* sums;            // (k_padded / group, m_padded), of the planes; null where group is 0
  long long m, k, m_padded, k_padded;
  float* steps;  // (k_padded / 32, m_padded) where x is rounded as int8: planes hold levels; else null
  int planes, bfloat, group;
  int levels;  // columns stand as for levels
};
// LinearParams for many rows of x, of which the planes were made; y and residual are of `dtype`.
struct LinearManyParams {
  LinearParams linear;
  const unsigned short* plane;
  const float *scales, *sums, *steps;
  long long m_padded, k_padded, strips;
  int planes, dtype;
  unsigned bias;  // 1024 + what levels count from, as float16, twice
};

// y [tokens, columns] = rows of a table of `rows` rows, of which w is a part
struct EmbeddingParams {
  WeightRows w;
  const int* ids;  // (tokens)
  void* y;         // (tokens, columns)
  long long tokens, rows;
  Faults faults;
};

}  // namespace lophi::cuda

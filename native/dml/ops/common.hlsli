// Stands before every kernel. Buffers are bound at whole words: start(i) is the first byte of operand i within its first word. Operands from
// the eighth on begin at whole words.
// Group sizes and the numbering of groups are those of Commands::kernel.
cbuffer Constants : register(b0) {
  uint4 starts0, starts1;  // starts1.w: the number of the call
  uint4 c2, c3, c4, c5, c6, c7;
};

// index in native/core/dtype.h
#define FLOAT32 0
#define FLOAT16 1
#define BFLOAT16 2
#define INT8 3
#define UINT8 4
#define INT4 5
#define UINT4 6
#define INT32 7
#define UINT32 8

// The word that faults are reported in, native/core/fault.h.
RWByteAddressBuffer fault_word : register(u12);
#define FAULT_INDEX 1
#define FAULT_NEGATIVE 2
#define FAULT_CAPACITY 3
#define FAULT_ASCENDING 4
#define FAULT_FINITE 5
#define FAULT_PAGE 6
#define FAULT_ROW 7

// Reports that an element of an operand (in the schema's order) is not what it must be. The first one counts; the caller goes on with
// something harmless, as nothing may be read outside of its operands.
void report(uint kind, uint operand, uint index, int value, uint limit, uint more = 0) {
  uint found;
  fault_word.InterlockedCompareExchange(0, 0, kind + 256 * operand, found);
  if (found != 0) return;
  fault_word.Store4(4, uint4(starts1.w, asuint(value), limit, index));
  fault_word.Store(20, more);
}

uint group_index(uint3 group) { return group.y * 65535 + group.x; }

uint load_byte(RWByteAddressBuffer b, uint at) { return b.Load(at & ~3u) >> (at & 3u) * 8 & 255; }

float load_float(RWByteAddressBuffer b, uint start, uint index, uint type) {
  if (type == FLOAT32) return asfloat(b.Load(start + index * 4));
  const uint at = start + index * 2;
  const uint bits = b.Load(at & ~3u) >> (at & 2u) * 8 & 0xffff;
  return type == BFLOAT16 ? asfloat(bits << 16) : f16tof32(bits);
}

// Round to nearest even; f32tof16 may round to zero.
uint half_of(float value) {
  const uint bits = asuint(value), sign = bits >> 16 & 0x8000, x = bits & 0x7fffffff;
  if (x > 0x7f800000) return sign | 0x7e00;
  if (x >= 0x47800000) return sign | 0x7c00;
  // below the normal numbers of float16: the addition aligns the last bit
  if (x < 0x38800000) return sign | (asuint(asfloat(x) + 0.5) - 0x3f000000);
  return sign | (x - 0x38000000 + 0xfff + (x >> 13 & 1)) >> 13;
}

// Round to nearest even; a NaN stays one.
uint bfloat_of(float value) {
  const uint bits = asuint(value);
  return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// Replaces the bits of `mask` in a word whose other bits another thread may be writing.
void store_bits(RWByteAddressBuffer b, uint at, uint mask, uint value) {
  b.InterlockedAnd(at, ~mask);
  b.InterlockedOr(at, value & mask);
}

void store_float(RWByteAddressBuffer b, uint start, uint index, uint type, float value) {
  if (type == FLOAT32) {
    b.Store(start + index * 4, asuint(value));
  } else {
    const uint at = start + index * 2, shift = (at & 2u) * 8;
    store_bits(b, at & ~3u, 0xffffu << shift, (type == BFLOAT16 ? bfloat_of(value) : half_of(value)) << shift);
  }
}

bool is_nan(float value) { return (asuint(value) & 0x7fffffff) > 0x7f800000; }

// Elements of TYPE in the type that arithmetic on them happens in.
#ifdef TYPE
#if TYPE == INT32
#define number int
number load_number(RWByteAddressBuffer b, uint start, uint index) { return asint(b.Load(start + index * 4)); }
uint bits_of(number value) { return asuint(value); }
#elif TYPE <= BFLOAT16
#define number float
number load_number(RWByteAddressBuffer b, uint start, uint index) { return load_float(b, start, index, TYPE); }
uint bits_of(number value) {
  return TYPE == FLOAT32 ? asuint(value) : TYPE == FLOAT16 ? half_of(value) : bfloat_of(value);
}
#endif
#if TYPE == FLOAT16 || TYPE == BFLOAT16
#define BITS 16
#elif TYPE == INT8 || TYPE == UINT8
#define BITS 8
#elif TYPE == INT4 || TYPE == UINT4
#define BITS 4
#else
#define BITS 32
#endif
#endif

// Elements of BITS, of which several may share a word. A thread makes a word of the output and writes it as a whole; the first and the
// last word of an output may belong to others too.
#ifdef BITS
uint load_bits(RWByteAddressBuffer b, uint start, uint index) {
#if BITS == 32
  return b.Load(start + index * 4);
#elif BITS == 4
  return load_byte(b, start + index / 2) >> index % 2 * 4 & 15;
#else
  const uint at = start + index * (BITS / 8);
  return b.Load(at & ~3u) >> (at & 3u) * 8 & ((1u << BITS % 32) - 1);
#endif
}

struct Word {
  uint begin, end;  // its elements
  uint at, shift;   // its first byte; where the first element stands in it
  uint bits, mask;  // what was put
};

// Word `index` of `count` elements that begin at a byte of an operand.
Word word_of(uint index, uint start, uint count) {
  const uint per_word = 32 / BITS, ahead = (start & 3) * 8 / BITS;
  Word word;
  word.begin = min(index > 0 ? index * per_word - ahead : 0, count);
  word.end = min((index + 1) * per_word - ahead, count);
  word.at = (start & ~3u) + index * 4;
  word.shift = index > 0 ? 0 : ahead * BITS;
  word.bits = word.mask = 0;
  return word;
}

void put(inout Word word, uint index, uint bits) {
  const uint shift = word.shift + (index - word.begin) * BITS;
  word.bits |= bits << shift;
  word.mask |= (0xffffffffu >> (32 - BITS)) << shift;
}

void store(RWByteAddressBuffer b, Word word) {
#if BITS == 4  // whole bytes
  word.mask |= word.mask << 4 & 0xf0f0f0f0;
#endif
  if (word.mask == 0xffffffff)
    b.Store(word.at, word.bits);
  else if (word.mask != 0)
    store_bits(b, word.at, word.mask, word.bits);
}

// One element alone.
void store_one(RWByteAddressBuffer b, uint start, uint index, uint bits) {
#if BITS == 32
  b.Store(start + index * 4, bits);
#else
  const uint at = start * 8 + index * BITS;
  store_bits(b, at / 32 * 4, ((1u << BITS % 32) - 1) << at % 32, bits << at % 32);
#endif
}
#endif

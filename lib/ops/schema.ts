/**
 * Every op, declared once. From this table come the types of `ops.*` (inferred), native/core/ops.gen.h and docs/ops.md
 * (`npm run gen`), the checker's rules and the loop of test/ops/ops.test.ts.
 *
 * An operand is `dtype[dims]`:
 *   dtype  a dtype, a class (`float`: float32 float16 bfloat16, `number`: float or int32, `cache`: float or int8, `any`),
 *          `weight`, another operand's name (the same dtype) or, for outputs, `dtype` (the attribute of that name)
 *   dims   names, integers, attributes, sums, products, exact quotients and `ceil(a/b)`; a leading `...` is any number of
 *          axes, equal wherever it stands; a name is bound where it first can be, then compared
 *   prefix `inout` is read and written; suffix `?` optional, `*` variadic (one or more, last operand)
 * An output may name a shape rule instead of dims: `x reduce(x, axis, keepDims)`; the rules stand in native/core/shape.cpp.
 * An attribute is `type = default`; without a default it is required. `axis` counts the axes of the first operand. Types:
 * int float bool dtype ints, or words split by `|`; `dtype float` is a dtype of that class, `dtype` any.
 * A tensor has at most 8 axes. Dims are whole numbers below 2^53, and so is the count of elements.
 * Tensors of 4 bits hold two elements a byte, low nibble first. A view of one starts and ends at a whole byte, or ends where
 * the tensor ends: whoever writes to it writes whole bytes.
 * `requires`: comparisons that must hold once the dims are bound; a quotient in them must be exact.
 * `inPlace`: the output may be the very tensor of the first operand. `fuses`: the ops that this one replaces in a plan.
 */
export const schema = {
  // ---- Phi-3
  embedding: {
    doc: 'y[t] = row ids[t] of the table, dequantised. An id outside 0..V-1 fails with ERR_OUT_OF_RANGE.',
    in: { table: 'weight[V, C]', ids: 'int32[T]' },
    attrs: { dtype: 'dtype float = float32' },
    out: { y: 'dtype[T, C]' },
  },
  rmsNorm: {
    doc: 'y = x / sqrt(mean(x^2) + epsilon) * weight over the last axis; mean and root in float32.',
    in: { x: 'float[..., C]', weight: 'float[C]' },
    attrs: { epsilon: 'float = 1e-5' },
    out: { y: 'x[..., C]' },
    inPlace: true,
  },
  addRmsNorm: {
    doc: 'sum = x + residual; y = rmsNorm(sum). The pair that stands between two blocks.',
    in: { x: 'float[..., C]', residual: 'x[..., C]', weight: 'float[C]' },
    attrs: { epsilon: 'float = 1e-5' },
    out: { sum: 'x[..., C]', y: 'x[..., C]' },
    fuses: [
      { op: 'add', in: { a: 'x', b: 'residual' }, out: { y: 'sum' } },
      { op: 'rmsNorm', in: { x: 'sum', weight: 'weight' }, out: { y: 'y' } },
    ],
  },
  matmul: {
    doc: 'y = a · b; accumulates in float32.',
    in: { a: 'float[..., K]', b: 'a[K, N]' },
    attrs: {},
    out: { y: 'a[..., N]' },
  },
  matmulInt4: {
    doc: 'y = a · dequantize(b)ᵀ, the MatMulNBits contract: row n holds ceil(K/blockSize) blocks, element j of a block in byte j/2, low nibble first; value = (q - zero) * scale, zero 8 where zeros is absent; zeros packs two blocks a byte, each row padded to whole bytes.',
    requires: ['blockSize >= 2'],
    in: {
      a: 'float[..., K]',
      b: 'uint8[N, ceil(K/blockSize), blockSize/2]',
      scales: 'float[N, ceil(K/blockSize)]',
      zeros: 'uint8[N, ceil(ceil(K/blockSize)/2)]?',
    },
    attrs: { blockSize: 'int' },
    out: { y: 'a[..., N]' },
  },
  linear: {
    doc: 'y = x · wᵀ + bias for a weight of any format. activations int8 quantises x per 32 values (scale = absmax/127) for 4- and 8-bit formats; f32 never does.',
    in: { x: 'float[..., K]', w: 'weight[N, K]', bias: 'float32[N]?' },
    attrs: { activations: 'f32 | int8 = f32' },
    out: { y: 'x[..., N]' },
  },
  rotaryEmbedding: {
    doc: 'Rotates the first `heads` heads (all when 0) of each row t by the angles of row position[t] of the table, the rest pass through; halves are paired: (i, i + R) for i < R, where R is the width of cos and sin. ERR_OUT_OF_RANGE when a position lies outside the table.',
    requires: ['2*R <= headDim', '0 <= heads', 'heads <= N'],
    in: { x: 'float[T, N*headDim]', cos: 'float32[P, R]', sin: 'float32[P, R]', position: 'int32[T]' },
    attrs: { headDim: 'int', heads: 'int = 0' },
    out: { y: 'x[T, N*headDim]' },
    inPlace: true,
  },
  attention: {
    doc: 'Grouped-query attention of B sequences over a cache of P pages of L tokens. Row t stands at position[t] of its sequence: rows[b] .. rows[b+1]-1 belong to sequence b (without rows: ceil(T/B) each), rows outside belong to none, write nothing and get y = 0. Token j of sequence b lies in slot j modulo L of page pages[b, j/L] (without pages: the P/B pages from b*P/B on; B is 1 where neither is given). Writes the K and V heads of qkv (rows of Q | K | V) to their slots, then y = softmax(scale · q · kᵀ) · v in float32; key j is seen by the row at position i when j <= i and, with a window, j > i - window. scale 0 means 1/sqrt(D). An int8 cache has scales: a head of a token is rounded to absmax/127. Entries of pages that no row sees may hold anything; what one sequence writes no other may see. ERR_CONTEXT_OVERFLOW when a position lies beyond the pages; ERR_OUT_OF_RANGE for a position below 0 or not above that of the row before it, a page outside 0..P-1, and rows that fall or leave 0..T.',
    requires: ['H/G >= 1', '0 <= window'],
    in: {
      keys: 'inout cache[P, G, L, D]',
      values: 'inout keys[P, G, L, D]',
      qkv: 'float[T, (H+2*G)*D]',
      position: 'int32[T]',
      pages: 'int32[B, M]?',
      rows: 'int32[B+1]?',
      keyScales: 'inout float32[P, G, L]?',
      valueScales: 'inout float32[P, G, L]?',
    },
    attrs: { window: 'int = 0', scale: 'float = 0' },
    out: { y: 'qkv[T, H*D]' },
  },
  siluMul: {
    doc: 'y = silu(gate) * up, silu(z) = z * sigmoid(z); the last axis of x holds gate | up.',
    in: { x: 'float[..., 2*I]' },
    attrs: {},
    out: { y: 'x[..., I]' },
  },
  sample: {
    doc: 'Picks a token from each of B rows of logits. A row of params: temperature (0 = greedy), topK (0 = all), topP (1 = all, 0 = the likeliest alone), minP, repeatPenalty, frequencyPenalty, presencePenalty, 0. Penalties look at the ids in its row of histories (a ring; -1 = empty). Random numbers: Philox4x32-10 keyed by its row of seeds, counter position. Writes the id, its log-probability under softmax(logits) before any change, and the id into the history at position modulo W. ERR_OUT_OF_RANGE when a position is negative, or when the largest logit is no number or infinite.',
    requires: ['V >= 1', 'W >= 1'],
    in: {
      logits: 'float[B, V]',
      params: 'float32[B, 8]',
      seeds: 'uint32[B, 2]',
      position: 'int32[B]',
      histories: 'inout int32[B, W]',
    },
    attrs: {},
    out: { id: 'int32[B]', logprob: 'float32[B]' },
  },

  // ---- elementwise; operands broadcast as in NumPy
  add: {
    doc: 'y = a + b',
    in: { a: 'number[...]', b: 'a broadcast' },
    attrs: {},
    out: { y: 'a broadcast(a, b)' },
    inPlace: true,
  },
  sub: {
    doc: 'y = a - b',
    in: { a: 'number[...]', b: 'a broadcast' },
    attrs: {},
    out: { y: 'a broadcast(a, b)' },
    inPlace: true,
  },
  mul: {
    doc: 'y = a * b',
    in: { a: 'number[...]', b: 'a broadcast' },
    attrs: {},
    out: { y: 'a broadcast(a, b)' },
    inPlace: true,
  },
  div: {
    doc: 'y = a / b',
    in: { a: 'float[...]', b: 'a broadcast' },
    attrs: {},
    out: { y: 'a broadcast(a, b)' },
    inPlace: true,
  },
  maximum: {
    doc: 'y = the larger of a and b',
    in: { a: 'number[...]', b: 'a broadcast' },
    attrs: {},
    out: { y: 'a broadcast(a, b)' },
    inPlace: true,
  },
  minimum: {
    doc: 'y = the smaller of a and b',
    in: { a: 'number[...]', b: 'a broadcast' },
    attrs: {},
    out: { y: 'a broadcast(a, b)' },
    inPlace: true,
  },
  neg: { doc: 'y = -x', in: { x: 'number[...]' }, attrs: {}, out: { y: 'x[...]' }, inPlace: true },
  exp: { doc: 'y = e^x', in: { x: 'float[...]' }, attrs: {}, out: { y: 'x[...]' }, inPlace: true },
  log: { doc: 'y = ln x', in: { x: 'float[...]' }, attrs: {}, out: { y: 'x[...]' }, inPlace: true },
  sqrt: { doc: 'y = √x', in: { x: 'float[...]' }, attrs: {}, out: { y: 'x[...]' }, inPlace: true },
  tanh: { doc: 'y = tanh x', in: { x: 'float[...]' }, attrs: {}, out: { y: 'x[...]' }, inPlace: true },
  sigmoid: { doc: 'y = 1 / (1 + e^-x)', in: { x: 'float[...]' }, attrs: {}, out: { y: 'x[...]' }, inPlace: true },
  where: {
    doc: 'y = a where condition is not 0, else b; all three broadcast.',
    in: { condition: 'uint8[...]', a: 'number broadcast', b: 'a broadcast' },
    attrs: {},
    out: { y: 'a broadcast(condition, a, b)' },
  },

  // ---- reductions; a negative axis counts from the end
  sum: {
    doc: 'Sum over an axis; float sums in float32.',
    in: { x: 'number[...]' },
    attrs: { axis: 'int = -1', keepDims: 'bool = false' },
    out: { y: 'x reduce(x, axis, keepDims)' },
  },
  mean: {
    doc: 'Mean over an axis.',
    in: { x: 'float[...]' },
    attrs: { axis: 'int = -1', keepDims: 'bool = false' },
    out: { y: 'x reduce(x, axis, keepDims)' },
  },
  max: {
    doc: 'Largest value over an axis.',
    in: { x: 'number[...]' },
    attrs: { axis: 'int = -1', keepDims: 'bool = false' },
    out: { y: 'x reduce(x, axis, keepDims)' },
  },
  argmax: {
    doc: 'Index of the first largest value over an axis.',
    in: { x: 'number[...]' },
    attrs: { axis: 'int = -1', keepDims: 'bool = false' },
    out: { y: 'int32 reduce(x, axis, keepDims)' },
  },
  softmax: {
    doc: 'y = e^(x - max) / Σ e^(x - max) over an axis, in float32.',
    in: { x: 'float[...]' },
    attrs: { axis: 'int = -1' },
    out: { y: 'x[...]' },
    inPlace: true,
  },
  topK: {
    doc: 'The k largest values of each row, largest first, and where they stand; equal values by index.',
    requires: ['1 <= k', 'k <= N'],
    in: { x: 'float[..., N]' },
    attrs: { k: 'int' },
    out: { values: 'x[..., k]', indices: 'int32[..., k]' },
  },

  // ---- layout
  gather: {
    doc: 'y = slices of x along an axis, in the order of indices. An index outside the axis fails with ERR_OUT_OF_RANGE.',
    in: { x: 'any[...]', indices: 'int32 free' },
    attrs: { axis: 'int = 0' },
    out: { y: 'x gather(x, indices, axis)' },
  },
  concat: {
    doc: 'Joins tensors along an axis.',
    in: { xs: 'any free*' },
    attrs: { axis: 'int = 0' },
    out: { y: 'xs concat(xs, axis)' },
  },
  slice: {
    doc: 'Elements start..end-1 of an axis; negative bounds count from the end.',
    in: { x: 'any[...]' },
    attrs: { axis: 'int = 0', start: 'int', end: 'int' },
    out: { y: 'x slice(x, axis, start, end)' },
  },
  transpose: {
    doc: 'Axis i of y is axis permutation[i] of x.',
    in: { x: 'any[...]' },
    attrs: { permutation: 'ints' },
    out: { y: 'x transpose(x, permutation)' },
  },
  copy: { doc: 'y = x, in memory of its own.', in: { x: 'any[...]' }, attrs: {}, out: { y: 'x[...]' } },
  cast: {
    doc: 'Converts the dtype. Floats round to nearest even; to an integer they truncate and saturate, NaN gives 0; integers saturate.',
    in: { x: 'any[...]' },
    attrs: { dtype: 'dtype' },
    out: { y: 'dtype[...]' },
  },
  zeros: {
    doc: 'A tensor of zeros.',
    in: {},
    attrs: { shape: 'ints', dtype: 'dtype = float32' },
    out: { y: 'dtype shape(shape)' },
  },
  full: {
    doc: 'A tensor of one value.',
    in: {},
    attrs: { shape: 'ints', value: 'float', dtype: 'dtype = float32' },
    out: { y: 'dtype shape(shape)' },
  },
  arange: {
    doc: 'y[i] = start + i * step for i < count.',
    in: {},
    attrs: { count: 'int', start: 'float = 0', step: 'float = 1', dtype: 'dtype = float32' },
    out: { y: 'dtype[count]' },
  },

  // ---- quantisation: the MatMulNBits layout of matmulInt4
  quantize: {
    doc: 'Rounds x to 4 bits per block of a row. Symmetric: scale = v / -8 with v the value of largest magnitude, zero 8. Asymmetric: scale = (max - min) / 15 over a range that holds 0, zero = round(-min / scale). The last block of a row is padded with zeros.',
    requires: ['blockSize >= 2'],
    in: { x: 'float[N, K]' },
    attrs: { blockSize: 'int = 32', symmetric: 'bool = true' },
    out: {
      b: 'uint8[N, ceil(K/blockSize), blockSize/2]',
      scales: 'x[N, ceil(K/blockSize)]',
      zeros: 'uint8[N, ceil(ceil(K/blockSize)/2)]',
    },
  },
  dequantize: {
    doc: 'y = (q - zero) * scale, the inverse of quantize; columns is K.',
    requires: ['blockSize >= 2', '0 <= columns'],
    in: {
      b: 'uint8[N, ceil(columns/blockSize), blockSize/2]',
      scales: 'float[N, ceil(columns/blockSize)]',
      zeros: 'uint8[N, ceil(ceil(columns/blockSize)/2)]?',
    },
    attrs: { columns: 'int', blockSize: 'int = 32' },
    out: { y: 'scales[N, columns]' },
  },
} as const

export type Schema = typeof schema
export type OpName = keyof Schema

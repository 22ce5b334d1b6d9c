import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FormatError, LophiError, UnsupportedModelError } from '../../lib/errors.js'
import type { OnnxDtype, OnnxModel, OnnxTensor } from '../../lib/formats/onnx/graph.js'
import { readOnnx } from '../../lib/formats/onnx/read.js'
import type { FileRange } from '../../lib/formats/source.js'
import { random } from '../support/random.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import {
  type AttributeInit,
  buildOnnx,
  float,
  type GraphInit,
  type ModelInit,
  node,
  type TensorInit,
  writeOnnx,
} from './files.js'

const folder = await temporaryFolder()

let count = 0
async function newFolder(): Promise<string> {
  const path = join(folder, `${count++}`)
  await mkdir(path)
  return path
}

async function read(model: ModelInit | Uint8Array): Promise<OnnxModel> {
  const path = join(folder, `${count++}.onnx`)
  await writeFile(path, model instanceof Uint8Array ? model : buildOnnx(model))
  return readOnnx(path)
}

/** The tensor as an initializer reads. */
async function readTensor(tensor: TensorInit): Promise<OnnxTensor> {
  const { graph } = await read({ nodes: [], initializers: [{ name: 'w', ...tensor }] })
  return graph.constants.get('w')!
}

const sha256 = (tensor: OnnxTensor | undefined) =>
  createHash('sha256')
    .update(tensor?.data as Uint8Array)
    .digest('hex')

/** The constants that lie in files other than the model. */
function externalTensors({ path, graph }: OnnxModel): (OnnxTensor & { data: FileRange })[] {
  return [...graph.constants.values()].filter(
    (tensor): tensor is OnnxTensor & { data: FileRange } => 'file' in tensor.data && tensor.data.file !== path,
  )
}

const directml = sharedData('phi3-mini-directml-int4/model.onnx')
const packages = sharedData('onnx')
const tinyPackages = sharedData('tiny-phi3-onnx')

describe.skipIf(directml === null)("Microsoft's DirectML package", async () => {
  const dataBytes = 2131292928
  let model: OnnxModel
  if (directml !== null) {
    const copy = await newFolder()
    await copyFile(directml, join(copy, 'model.onnx'))
    // a hole: the weights themselves are not needed
    await writeFile(join(copy, 'model.onnx.data'), '')
    await truncate(join(copy, 'model.onnx.data'), dataBytes)
    model = await readOnnx(join(copy, 'model.onnx'))
  }

  test('has the versions, counts and ops that it is known for', () => {
    const { irVersion, producer, opsets, graph } = model
    expect({ irVersion, producer, opset: opsets.get(''), nodes: graph.nodes.length, constants: graph.constants.size })
      // as long as no Constant is among them
      .toEqual({ irVersion: 8, producer: 'onnxruntime.transformers 1.18.0', opset: 17, nodes: 617, constants: 714 })
    const histogram: Record<string, number> = {}
    for (const { opType } of graph.nodes) histogram[opType] = (histogram[opType] ?? 0) + 1
    expect(histogram).toEqual({
      MatMulNBits: 193,
      Mul: 128,
      SimplifiedLayerNormalization: 65,
      RotaryEmbedding: 64,
      Add: 64,
      GroupQueryAttention: 32,
      Split: 32,
      Sigmoid: 32,
      Gather: 2,
      Cast: 2,
      Shape: 1,
      ReduceSum: 1,
      Sub: 1,
    })
    expect(graph.inputs.slice(0, 4)).toEqual([
      { name: 'input_ids', dtype: 'int64', shape: ['batch_size', 'sequence_length'] },
      { name: 'position_ids', dtype: 'int64', shape: ['batch_size', 'sequence_length'] },
      { name: 'attention_mask', dtype: 'int64', shape: ['batch_size', 'total_sequence_length'] },
      { name: 'past_key_values.0.key', dtype: 'float16', shape: ['batch_size', 32, 'past_sequence_length', 96] },
    ])
    expect(graph.outputs[0]).toMatchObject({ name: 'logits', dtype: 'float16' })
  })

  test('has external tensors that fill the data file without a gap', () => {
    const tensors = externalTensors(model)
    expect(tensors).toHaveLength(645)
    let end = 0
    for (const { data } of tensors.toSorted((a, b) => a.data.offset - b.data.offset)) {
      expect(data.offset).toBe(end)
      end += data.bytes
    }
    expect(end).toBe(dataBytes)
  })

  test('has its embedding, its head and its first projection where they are known to lie', () => {
    const { constants, nodes } = model.graph
    const operands = (name: string) => {
      const found = nodes.find((each) => each.name === name)!
      return found.inputs.slice(1).map((value) => constants.get(value)!)
    }
    expect(constants.get('model.embed_tokens.weight')!).toMatchObject({
      shape: [32064, 3072],
      dtype: 'float16',
      data: { offset: 0, bytes: 197001216 },
    })
    expect(operands('/lm_head/MatMul_Q4')).toMatchObject([
      { shape: [32064, 24, 64], dtype: 'uint8', data: { offset: 2082042624, bytes: 49250304 } },
      { shape: [32064, 24], dtype: 'float16', data: { offset: 2080118784 } },
      { shape: [384768], dtype: 'uint8', data: { offset: 2081657856, bytes: 384768 } },
    ])
    const [q] = operands('/model/layers.0/self_attn/q_proj/MatMul_Q4')
    expect(q!.data).toMatchObject({ offset: 202487808 })
  })

  test('has caches and multipliers, in int32_data, of known hashes', () => {
    const { constants } = model.graph
    const multiplier = (layer: number, value: string) =>
      constants.get(`/model/layers.${layer}/${value}_output_0_weight_only_scale`)
    expect(sha256(constants.get('cos_cache'))).toBe('2994f7a97a00bc467f584e4f22034ecb03b95d70bc3482881ee5d9803afafdb2')
    expect(sha256(constants.get('sin_cache'))).toBe('9b719af0ada8a402387bcbe8f18dd1032cee708ea1a05ba6f44102f63fd5565c')
    expect(sha256(multiplier(0, 'self_attn/Reshape_3'))).toBe(
      'd55e021fb0624a473e7b87e47c39e97f79784e33d11d081cff45ff238c5ed2d3',
    )
    expect(sha256(multiplier(31, 'mlp/act/Mul_1'))).toBe(
      'e6b2804dc57f5f331ad30e27694e14cf4ee5df0a18786e5c3a3c20ea4cc08f7f',
    )
  })
})

describe('packages of the model builder', async () => {
  const roots = [packages, tinyPackages].filter((root) => root !== null)
  const folders = await Promise.all(
    roots.map(async (root) => {
      const entries = await readdir(root, { withFileTypes: true })
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name))
    }),
  )
  test.skipIf(packages === null)('are all here', () => {
    expect(folders.flat().length).toBeGreaterThanOrEqual(23)
  })
  test.for(folders.flat())('%s: is read to the last byte of its data', async (path) => {
    const model = await readOnnx(join(path, 'model.onnx'))
    const data = await readFile(join(path, 'model.onnx.data'))
    expect(model.producer).toMatch(/^onnxruntime-genai /)
    expect(model.graph.outputs[0]!.name).toBe('logits')
    const tensors = externalTensors(model)
    expect(Math.max(...tensors.map(({ data }) => data.offset + data.bytes))).toBe(data.length)
    const attention = model.graph.nodes.filter(({ opType }) => /Attention$/.test(opType))
    expect(attention.length).toBeGreaterThan(0)
  })
})

describe('a tensor', () => {
  const le = (array: ArrayBufferView) => [...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)]
  const cases: [OnnxDtype, number[], (number | bigint)[], number[]][] = [
    ['float32', [3], [1, -0.5, 65504], le(Float32Array.of(1, -0.5, 65504))],
    ['float64', [2], [0.1, -2], le(Float64Array.of(0.1, -2))],
    ['float16', [2, 2], [0x3c00, 0xbc00, 0, 0xffff], le(Uint16Array.of(0x3c00, 0xbc00, 0, 0xffff))],
    ['bfloat16', [2], [0x3f80, 0xbf80], le(Uint16Array.of(0x3f80, 0xbf80))],
    ['int64', [3], [-1, 2n ** 62n, -(2n ** 63n)], le(BigInt64Array.of(-1n, 2n ** 62n, -(2n ** 63n)))],
    ['int32', [3], [-1, 7, -(2 ** 31)], le(Int32Array.of(-1, 7, -(2 ** 31)))],
    ['uint64', [2], [2n ** 64n - 1n, 300], le(BigUint64Array.of(2n ** 64n - 1n, 300n))],
    ['uint32', [2], [2 ** 32 - 1, 300], le(Uint32Array.of(2 ** 32 - 1, 300))],
    ['uint8', [3], [0, 127, 255], [0, 127, 255]],
    ['int8', [3], [-128, -1, 127], [128, 255, 127]],
    ['bool', [2], [1, 0], [1, 0]],
    ['uint4', [3], [0x21, 0x0f], [0x21, 0x0f]],
    ['int4', [4], [0xf8, 0x70], [0xf8, 0x70]],
    ['float32', [], [2], le(Float32Array.of(2))],
    ['float16', [2, 0], [], []],
  ]
  describe.each(cases)('of %s [%s]', (dtype, shape, data, bytes) => {
    const expected = { name: 'w', shape, dtype, data: Uint8Array.from(bytes) }
    test('has the same bytes from a typed field, packed', async () => {
      expect(await readTensor({ dtype, shape, data })).toEqual(expected)
    })
    test('has the same bytes from a typed field, one by one', async () => {
      expect(await readTensor({ dtype, shape, data, unpacked: true })).toEqual(expected)
    })
    test('has the same bytes from raw_data', async () => {
      expect(await readTensor({ dtype, shape, data: Uint8Array.from(bytes) })).toEqual(expected)
    })
    test('is refused with one value more or less', async () => {
      for (const wrong of [data.slice(1), [...data, ...data, 1]]) {
        if (wrong.length === data.length) continue
        await expect(readTensor({ dtype, shape, data: wrong })).rejects.toThrow(/must have \d+ bytes of data, but has/)
        await expect(readTensor({ dtype, shape, data: wrong, unpacked: true })).rejects.toThrow(FormatError)
      }
      const longer = Uint8Array.from([...bytes, 0])
      await expect(readTensor({ dtype, shape, data: longer })).rejects.toThrow(
        `must have ${bytes.length} bytes, but has ${longer.length}`,
      )
    })
  })

  test('of raw_data is a copy while it is small, and a range of the file when it is large', async () => {
    const data = Uint8Array.from({ length: 2 ** 16 + 2 }, (_, i) => i * 7)
    const small = await readTensor({ dtype: 'uint8', shape: [2 ** 16], data: data.subarray(0, 2 ** 16) })
    expect(small.data).toEqual(data.subarray(0, 2 ** 16))
    // the buffer of the file may go
    expect((small.data as Uint8Array).buffer.byteLength).toBe(2 ** 16)

    const { path, graph } = await read({
      nodes: [
        node('If', ['c'], ['y'], { then_branch: { nodes: [node('Constant', [], ['t'], { value: tensor(data) })] } }),
      ],
      inputs: ['c'],
    })
    const branch = graph.nodes[0]!.attributes.get('then_branch')!
    const range = (branch.type === 'graph' && branch.value.constants.get('t')!.data) as FileRange
    expect(range).toMatchObject({ file: path, bytes: data.length })
    const file = await readFile(path)
    expect(new Uint8Array(file.subarray(range.offset, range.offset + range.bytes))).toEqual(data)
  })

  test.each<[string, TensorInit, RegExp]>([
    ['negative dims', { dtype: 'uint8', shape: [-1] }, /tensor w: dims must be from 0 to 2\^53, but hold -1/],
    ['dims of 2^63', { dtype: 'uint8', shape: [2n ** 63n] }, /dims must be from 0 to 2\^53/],
    ['dims of 2^53', { dtype: 'uint8', shape: [2n ** 53n] }, /dims must be from 0 to 2\^53/],
    ['a product beyond 2^53', { dtype: 'uint8', shape: [2 ** 40, 2 ** 40] }, /must have less than 2\^50 values/],
    [
      'more values than the file',
      { dtype: 'float16', shape: [2 ** 40], data: [1] },
      /bytes of data, but has at most 2/,
    ],
    [
      'values beyond their type',
      { dtype: 'float16', shape: [1], data: [65536] },
      /must fit in 2 bytes, but one is 65536/,
    ],
    ['values below their type', { dtype: 'int8', shape: [1], data: [-129] }, /must fit in 1 bytes, but one is -129/],
    ['no data', { dtype: 'float32', shape: [1] }, /must have 4 bytes of data, but has at most 0/],
  ])('of %s is refused', async (_, init, message) => {
    await expect(readTensor(init)).rejects.toThrow(message)
    await expect(readTensor(init)).rejects.toThrow(FormatError)
  })

  test.each([0, 8, 14, 17, 99])('of data type %i is not supported', async (dtype) => {
    const refused = expect(readTensor({ dtype, shape: [1], data: new Uint8Array(1) })).rejects
    await refused.toThrow(UnsupportedModelError)
  })
})

const tensor = (data: Uint8Array): TensorInit => ({ dtype: 'uint8', shape: [data.length], data })

describe('a graph', () => {
  test('keeps nodes as the file lists them, whatever their order', async () => {
    const { graph, opsets, metadata, producer } = await read({
      nodes: [
        node('Add', ['b', ''], ['c'], {}, { name: 'second' }),
        node('MatMulNBits', ['a', 'w'], ['b', ''], { K: 64, accuracy_level: 4 }, { domain: 'com.microsoft' }),
      ],
      initializers: [{ name: 'w', dtype: 'uint8', shape: [2], data: [1, 2] }],
      // old exporters list initializers among the inputs
      inputs: [{ name: 'a', dtype: 'float32', shape: [1, 'n', null] }, 'w'],
      outputs: ['c'],
      opsets: { 'ai.onnx': 21, 'com.microsoft': 1 },
      metadata: { key: 'value' },
      producer: 'p',
      producerVersion: '2',
    })
    expect(graph.nodes).toEqual([
      { name: 'second', opType: 'Add', domain: '', inputs: ['b', ''], outputs: ['c'], attributes: new Map() },
      {
        name: '',
        opType: 'MatMulNBits',
        domain: 'com.microsoft',
        inputs: ['a', 'w'],
        outputs: ['b', ''],
        attributes: new Map([
          ['K', { type: 'int', value: 64 }],
          ['accuracy_level', { type: 'int', value: 4 }],
        ]),
      },
    ])
    expect(graph.inputs).toEqual([{ name: 'a', dtype: 'float32', shape: [1, 'n', null] }])
    expect(graph.outputs).toEqual([{ name: 'c', dtype: null, shape: null }])
    expect([...opsets]).toEqual([
      ['', 21],
      ['com.microsoft', 1],
    ])
    expect([...metadata]).toEqual([['key', 'value']])
    expect(producer).toBe('p 2')
  })

  describe.each([false, true])('without types of attributes: %s', (untyped) => {
    test.each<[string, AttributeInit, unknown]>([
      ['float', float(2), 2],
      ['float', 0.1, Math.fround(0.1)],
      ['int', -7, -7],
      ['int', 2n ** 53n - 1n, 2 ** 53 - 1],
      ['string', 'é', 'é'],
      ['floats', [1.5, -2], [1.5, -2]],
      ['ints', [3, -1], [3, -1]],
      ['strings', ['a', ''], ['a', '']],
      [
        'tensor',
        { dtype: 'int8', shape: [1], data: [5] },
        { name: 'k', shape: [1], dtype: 'int8', data: Uint8Array.of(5) },
      ],
      ['graph', { nodes: [] }, { nodes: [], constants: new Map(), inputs: [], outputs: [] }],
    ])('an attribute has type %s', async (type, value, expected) => {
      const { graph } = await read({ nodes: [node('Op', [], ['y'], { k: value }, { untyped })] })
      expect(graph.nodes[0]!.attributes.get('k')).toEqual({ type, value: expected })
    })
  })

  test.each<[string, AttributeInit, string, number[], ArrayBufferView]>([
    ['value', { dtype: 'float16', shape: [1], data: [0x3c00] }, 'float16', [1], Uint16Array.of(0x3c00)],
    ['value_float', float(2), 'float32', [], Float32Array.of(2)],
    ['value_floats', [0.5, 2], 'float32', [2], Float32Array.of(0.5, 2)],
    ['value_int', 2n ** 63n - 1n, 'int64', [], BigInt64Array.of(2n ** 63n - 1n)],
    ['value_ints', [-1, 9], 'int64', [2], BigInt64Array.of(-1n, 9n)],
  ])('takes a Constant by its %s for a constant', async (key, value, dtype, shape, data) => {
    const { graph } = await read({ nodes: [node('Constant', [], ['c'], { [key]: value })], outputs: ['c'] })
    expect(graph.nodes).toEqual([])
    expect(graph.constants.get('c')).toEqual({ name: 'c', dtype, shape, data: new Uint8Array(data.buffer) })
  })

  test('gives the branches of an If, which read values around them', async () => {
    const branch = (name: string): GraphInit => ({ nodes: [node('Neg', ['x'], [name])], outputs: [name] })
    const { graph } = await read({
      nodes: [
        node('If', ['c'], ['y'], { then_branch: branch('t'), else_branch: branch('e') }),
        node('Neg', ['a'], ['x']),
      ],
      inputs: ['c', 'a'],
      outputs: ['y'],
    })
    const branches = [...graph.nodes[0]!.attributes.values()].map((each) => each.type === 'graph' && each.value.outputs)
    expect(branches).toMatchObject([[{ name: 't' }], [{ name: 'e' }]])
  })

  const nested = (depth: number): GraphInit => ({
    nodes: depth === 0 ? [] : [node('If', ['c'], [`y${depth}`], { then_branch: nested(depth - 1) })],
  })
  const w: TensorInit = { name: 'w', dtype: 'uint8', shape: [1], data: [1] }

  test.each<[string, ModelInit, RegExp]>([
    ['a name for two initializers', { nodes: [], initializers: [w, w] }, /value w must be made once/],
    ['an initializer without a name', { nodes: [], initializers: [{ ...w, name: '' }] }, /must have a name/],
    ['two makers', { nodes: [node('A', [], ['y']), node('B', [], ['y'])] }, /value y must be made once/],
    [
      'a maker beside an initializer',
      { nodes: [node('A', [], ['w'])], initializers: [w] },
      /value w must be made once/,
    ],
    [
      'a Constant beside an initializer',
      { nodes: [node('Constant', [], ['w'], { value: w })], initializers: [w] },
      /once/,
    ],
    ['a maker beside an input', { nodes: [node('A', [], ['x'])], inputs: ['x'] }, /value x must be made once/],
    ['an input twice', { nodes: [], inputs: ['x', 'x'] }, /value x must be made once/],
    [
      'a value from nowhere',
      { nodes: [node('A', ['z'], ['y'], {}, { name: 'n' })] },
      /value z, which node n \(A\) reads, must be made somewhere/,
    ],
    [
      'a value from nowhere in a branch',
      { nodes: [node('If', ['c'], ['y'], { then_branch: { nodes: [node('A', ['z'], ['t'])] } })], inputs: ['c'] },
      /value z, which a node If reads/,
    ],
    ['an output from nowhere', { nodes: [], outputs: ['y'] }, /value y, which an output of the graph reads/],
    ['a node that reads itself', { nodes: [node('A', ['y'], ['y'])] }, /must not form a cycle, but a node A/],
    [
      'a cycle',
      { nodes: [node('A', ['x', 'z'], ['y']), node('B', ['y'], ['z'])], inputs: ['x'] },
      /must not form a cycle/,
    ],
    [
      'a cycle through a branch',
      { nodes: [node('If', ['c'], ['y'], { then_branch: { nodes: [node('A', ['y'], ['t'])] } })], inputs: ['c'] },
      /must not form a cycle/,
    ],
    ['a Constant of nothing', { nodes: [node('Constant', [], ['c'])] }, /must have one attribute and one output/],
  ])('with %s is damaged', async (_, model, message) => {
    await expect(read(model)).rejects.toThrow(message)
    await expect(read(model)).rejects.toThrow(FormatError)
  })

  test.each<[string, ModelInit, RegExp]>([
    ['graphs nested deeply', { nodes: nested(300).nodes, inputs: ['c'] }, /must nest at most 8 deep/],
    [
      'an attribute beyond 2^53',
      { nodes: [node('A', [], ['y'], { k: 2n ** 53n })] },
      /k must be between .* 9007199254740992/,
    ],
    [
      'attributes beyond 2^53',
      { nodes: [node('A', [], ['y'], { k: [0, -(2n ** 63n)] })] },
      /but is -9223372036854775808/,
    ],
    [
      'a text for a Constant',
      { nodes: [node('Constant', [], ['c'], { value_string: 'x' })] },
      /attribute value_string/,
    ],
    ['sparse initializers', { nodes: [], sparseInitializers: 1 }, /sparse initializers/],
    [
      'a call of a function',
      { nodes: [node('F', [], ['y'], {}, { domain: 'd' })], functions: [{ domain: 'd', name: 'F' }] },
      /a node F calls a function/,
    ],
  ])('with %s is not supported', async (_, model, message) => {
    await expect(read(model)).rejects.toThrow(message)
    await expect(read(model)).rejects.toThrow(UnsupportedModelError)
  })

  test('may nest as deep as the limit, and have functions that nobody calls', async () => {
    const functions = [{ domain: 'd', name: 'F' }]
    await expect(read({ ...nested(8), inputs: ['c'], functions })).resolves.toBeTruthy()
  })

  test.each([
    ['nothing', Uint8Array.of(), /must be an ONNX model, but has no graph/],
    ['text', new TextEncoder().encode('{"model": 1}'), /ModelProto: field 15/],
    ['a number for a graph', Uint8Array.of(7 << 3, 1), /ModelProto: field 7: wire type must be 2, but is 0/],
    [
      'a length beyond the file',
      Uint8Array.of((7 << 3) | 2, 100),
      /at byte 0: ModelProto: field 7: index out of range/,
    ],
  ])('in a file of %s is damaged', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message)
    await expect(read(bytes)).rejects.toThrow(FormatError)
  })

  test('skips fields that it does not know, of every wire type', async () => {
    const unknown = Uint8Array.of(
      0x88,
      0x06,
      0x01,
      0x89,
      0x06,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      0x8a,
      0x06,
      1,
      9,
      0x8d,
      0x06,
      1,
      2,
      3,
      4,
    )
    const { graph } = await read(Buffer.concat([unknown, buildOnnx({ nodes: [node('A', [], ['y'])] }), unknown]))
    expect(graph.nodes).toHaveLength(1)
  })

  test('of more fields than any model has is refused before they fill the memory', async () => {
    const empty = Uint8Array.of((1 << 3) | 2, 0)
    const nodes = Buffer.alloc(2 * (2 ** 20 + 2), empty)
    const length = Uint8Array.of(
      (7 << 3) | 2,
      ...[0, 7, 14, 21, 28].map((s, i) => ((nodes.length >> s) & 127) | (i < 4 ? 128 : 0)),
    )
    await expect(read(Buffer.concat([length, nodes]))).rejects.toThrow(/at most 1048576 values/)
  })
})

describe('external data', () => {
  const data = Uint8Array.from({ length: 64 }, (_, i) => i)
  const at = (name: string, external: TensorInit['external'], length = 16): TensorInit => {
    return { name, dtype: 'uint8', shape: [length], external: { location: 'model.data', ...external } }
  }
  /** Writes the model and, beside it, 64 bytes of data. */
  async function readWith(initializers: TensorInit[], path?: string): Promise<OnnxModel> {
    const home = path ?? (await newFolder())
    await writeFile(join(home, 'model.data'), data)
    await writeFile(join(home, 'model.onnx'), buildOnnx({ nodes: [], initializers }))
    return readOnnx(join(home, 'model.onnx'))
  }

  test('gives a range, by default from the beginning and of the length that the shape needs', async () => {
    const home = await newFolder()
    await mkdir(join(home, 'sub'))
    await writeFile(join(home, 'sub', 'b.data'), data)
    const { graph } = await readWith(
      [
        at('a', {}),
        at('b', { location: 'sub/b.data', offset: 60 }, 4),
        at('c', { offset: '16', length: 48 }, 48),
        at('d', { location: './sub/b.data' }, 2),
      ],
      home,
    )
    const file = join(home, 'model.data')
    const other = join(home, 'sub', 'b.data')
    expect([...graph.constants.values()].map((each) => each.data)).toEqual([
      { file, offset: 0, bytes: 16 },
      { file: other, offset: 60, bytes: 4 },
      { file, offset: 16, bytes: 48 },
      { file: other, offset: 0, bytes: 2 },
    ])
  })

  test('may be shared by two tensors as a whole', async () => {
    const { graph } = await readWith([at('a', { offset: 8 }), at('b', { offset: 8 }), at('empty', { offset: 12 }, 0)])
    expect(graph.constants.get('a')!.data).toEqual(graph.constants.get('b')!.data)
  })

  test('is what the builder moves out of the graph', async () => {
    const home = await newFolder()
    const initializers = [at('small', {}), at('a', {}), at('b', {})].map(({ external, ...rest }) => ({
      ...rest,
      data: data.subarray(0, 16),
    }))
    const path = await writeOnnx(home, { nodes: [], initializers }, 16)
    const { graph } = await readOnnx(path)
    expect(graph.constants.get('b')!.data).toEqual({ file: `${path}.data`, offset: 32, bytes: 16 })
  })

  test.each<[string, TensorInit[], RegExp]>([
    ['above the folder', [at('a', { location: '../x' })], /must be a path below the model's folder, but is "\.\.\/x"/],
    ['above the folder on the way', [at('a', { location: 'sub/../../x' })], /must be a path below/],
    ['at an absolute path', [at('a', { location: '/etc/passwd' })], /must be a path below/],
    ['on a drive', [at('a', { location: 'C:x' })], /must be a path below/],
    ['above by backslashes', [at('a', { location: '..\\x' })], /must be a path below/],
    ['at a network path', [at('a', { location: '\\\\host\\x' })], /must be a path below/],
    ['at a name with NUL', [at('a', { location: 'model.data\0' })], /must be a path below/],
    ['at an empty name', [at('a', { location: '' })], /must be a path below/],
    [
      'without a location',
      [{ ...at('a', {}), external: { offset: 0 } }],
      /tensor a: external data must have a location/,
    ],
    [
      'beyond the file',
      [at('a', { offset: 49 })],
      /tensor a: 16 bytes at 49 must lie within model\.data, but it ends at 64/,
    ],
    ['of more than the file', [at('a', {}, 2 ** 40)], /bytes at 0 must lie within model\.data/],
    ['at 2^63', [at('a', { offset: '9223372036854775808' })], /offset must be a decimal number below 2\^53/],
    ['at a negative offset', [at('a', { offset: -1 })], /offset must be a decimal number below 2\^53, but is "-1"/],
    ['at a hexadecimal offset', [at('a', { offset: '0x10' })], /offset must be a decimal number/],
    ['at no number', [at('a', { offset: '' })], /offset must be a decimal number/],
    ['of another length', [at('a', { length: 15 })], /tensor a: must have 16 bytes, but has 15/],
    ['of no length', [at('a', { length: 'x' })], /length must be a decimal number/],
    ['in part of another tensor', [at('a', {}), at('b', { offset: 8 })], /must not overlap, but b begins within a/],
    ['at the beginning of another', [at('a', {}), at('b', {}, 8)], /must not overlap, but a begins within b/],
  ])('%s is damage', async (_, initializers, message) => {
    await expect(readWith(initializers)).rejects.toThrow(message)
    await expect(readWith(initializers)).rejects.toThrow(FormatError)
  })

  test("that is missing, a folder or above the file that it should be in is an error with the system's reason", async () => {
    await expect(readWith([at('a', { location: 'absent' })])).rejects.toMatchObject({ code: 'ERR_FILE' })
    await expect(readWith([at('a', { location: 'model.data/x' })])).rejects.toMatchObject({ code: 'ERR_FILE' })
    await expect(readWith([at('a', { location: 'x'.repeat(5000) })])).rejects.toMatchObject({ code: 'ERR_FILE' })
    const home = await newFolder()
    await mkdir(join(home, 'sub'))
    await expect(readWith([at('a', { location: 'sub' })], home)).rejects.toMatchObject({ code: 'ERR_FILE' })
  })

  describe.skipIf(process.platform === 'win32')('behind links', () => {
    test('is read where the file or a folder on the way lies on another disk', async () => {
      const outside = await newFolder()
      await writeFile(join(outside, 'x'), data)
      const home = await newFolder()
      await symlink(join(outside, 'x'), join(home, 'link'))
      await symlink(outside, join(home, 'sub'))
      const { graph } = await readWith([at('a', { location: 'link' }), at('b', { location: 'sub/x' })], home)
      const range = { file: join(outside, 'x'), offset: 0, bytes: 16 }
      expect([...graph.constants.values()].map((each) => each.data)).toEqual([range, range])
    })

    test('is refused where it ends at no regular file, and where a name leads there itself', async () => {
      const home = await newFolder()
      await symlink('/dev/zero', join(home, 'device'))
      await symlink(await newFolder(), join(home, 'folder'))
      for (const location of ['device', 'folder'])
        await expect(readWith([at('a', { location })], home)).rejects.toThrow(
          /must be a file, but is not a regular one/,
        )
      for (const location of ['../model.data', 'sub/../../model.data', join(home, 'model.data'), 'C:\\model.data'])
        await expect(readWith([at('a', { location })], home)).rejects.toThrow(/must be a path below the model's folder/)
    })

    test('is read where the link stays inside, and where the folder itself is reached by a link', async () => {
      const home = await newFolder()
      await symlink('model.data', join(home, 'link'))
      await symlink(home, join(folder, 'by-link'))
      await readWith([at('a', { location: 'link' }), at('b', {})], home)
      const { graph } = await readOnnx(join(folder, 'by-link', 'model.onnx'))
      const range = { file: join(home, 'model.data'), offset: 0, bytes: 16 }
      expect([...graph.constants.values()].map((each) => each.data)).toEqual([range, range])
    })

    test("is read from the blobs of the hub's cache", async () => {
      const cache = await newFolder()
      const snapshot = join(cache, 'models--a--b', 'snapshots', 'c0ffee', 'directml')
      const blobs = join(cache, 'models--a--b', 'blobs')
      for (const path of [snapshot, blobs]) await mkdir(path, { recursive: true })
      await writeFile(join(blobs, '11'), buildOnnx({ nodes: [], initializers: [at('a', {})] }))
      await writeFile(join(blobs, '22'), data)
      await symlink('../../../blobs/11', join(snapshot, 'model.onnx'))
      await symlink('../../../blobs/22', join(snapshot, 'model.data'))
      const { path, graph } = await readOnnx(join(snapshot, 'model.onnx'))
      expect(path).toBe(join(snapshot, 'model.onnx'))
      expect(graph.constants.get('a')!.data).toEqual({ file: join(blobs, '22'), offset: 0, bytes: 16 })
    })
  })
})

describe('a damaged file is read, or refused with an error of this package', () => {
  const model: ModelInit = {
    nodes: [
      node('Constant', [], ['k'], { value: { dtype: 'float16', shape: [2], data: [1, 40000] } }),
      node('MatMulNBits', ['x', 'w', 's'], ['y'], { K: 32, scale: 0.5, axes: [0, -1] }, { domain: 'com.microsoft' }),
      node('If', ['c'], ['z'], { then_branch: { nodes: [node('Neg', ['y'], ['t'])], outputs: ['t'] } }),
    ],
    initializers: [
      { name: 'w', dtype: 'uint8', shape: [4, 2], external: { location: 'damaged.data', offset: 8, length: 8 } },
      { name: 's', dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) },
      { name: 'i', dtype: 'int64', shape: [2], data: [1, -1], unpacked: true },
    ],
    inputs: [{ name: 'x', dtype: 'float16', shape: ['n', 32] }, 'c'],
    outputs: [{ name: 'z', dtype: 'float16', shape: [1, null] }],
    metadata: { a: 'b' },
  }
  const whole = buildOnnx(model)
  const path = join(folder, 'damaged.onnx')

  async function outcome(bytes: Uint8Array): Promise<'read' | 'refused'> {
    await writeFile(path, bytes)
    try {
      await readOnnx(path)
      return 'read'
    } catch (error) {
      if (error instanceof LophiError) return 'refused'
      throw error
    }
  }

  test('after truncation at any byte', async () => {
    await writeFile(join(folder, 'damaged.data'), new Uint8Array(16))
    expect(await outcome(whole)).toBe('read')
    let read = 0
    for (let length = 0; length < whole.length; length++)
      if ((await outcome(whole.subarray(0, length))) === 'read') read++
    // cut between two of the fields after the graph: the opset and a pair of metadata
    expect(read).toBe(2)
  })

  test('after flips of bits', async () => {
    const source = random(11)
    const outcomes = { read: 0, refused: 0 }
    for (let i = 0; i < 3000; i++) {
      const bytes = whole.slice()
      for (let flips = source.integer(1, 3); flips > 0; flips--) {
        bytes[source.integer(0, bytes.length - 1)]! ^= 1 << source.integer(0, 7)
      }
      outcomes[await outcome(bytes)]++
    }
    // neither too tame nor too wild to show anything
    expect(outcomes.read).toBeGreaterThan(200)
    expect(outcomes.refused).toBeGreaterThan(200)
  })
})

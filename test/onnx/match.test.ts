import { createHash } from 'node:crypto'
import { copyFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { FormatError, UnsupportedModelError } from '../../lib/errors.js'
import { Dataflow } from '../../lib/formats/onnx/dataflow.js'
import { type Match, matchPhi3 } from '../../lib/formats/onnx/match/index.js'
import { product } from '../../lib/formats/onnx/match/linear.js'
import { readOnnx } from '../../lib/formats/onnx/read.js'
import { integersInMemory } from '../../lib/formats/onnx/source.js'
import type { FileRange, WeightDescription } from '../../lib/formats/source.js'
import { seedOf } from '../support/random.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { withMultiHeadAttention } from './early.js'
import { type Editor, edited, floats, ints, type Model, type NodeInit, node, scrambled } from './graph.js'

const packages = sharedData('onnx')
const real = sharedData('phi3-mini-directml-int4')
const hasPackages = describe.skipIf(packages === null)

const load = async (name: string): Promise<Model> =>
  integersInMemory(await readOnnx(join(packages!, name, 'model.onnx')))

/** A match as text: what two of them must have in common, whatever the graphs call it. */
function textOf({ windowOrigin: _, ...match }: Match): string {
  const show = (_key: string, value: unknown) =>
    value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : value
  return JSON.stringify(match, show, 1)
}

/** format, packing, group size, zeros and so on of each part. */
function forms({ parts }: WeightDescription): string {
  return parts
    .map(({ format, packing = 'rows', groups }) => {
      if (!groups) return `${format} ${packing}`
      const marks = [groups.zeros && 'zeros', groups.signed && 'signed', groups.gIdx && 'g_idx'].filter(Boolean)
      return [format, packing, groups.size, ...marks].join(' ')
    })
    .join(' | ')
}

const [mha, gqa, head96, partial] = [
  { numAttentionHeads: 4, numKeyValueHeads: 4, headDim: 32, rotaryDim: 32, hiddenSize: 128, tieWordEmbeddings: false },
  { numAttentionHeads: 4, numKeyValueHeads: 2, headDim: 32, rotaryDim: 32, hiddenSize: 128, tieWordEmbeddings: false },
  { numAttentionHeads: 2, numKeyValueHeads: 2, headDim: 96, rotaryDim: 96, hiddenSize: 192, tieWordEmbeddings: false },
  { numAttentionHeads: 2, numKeyValueHeads: 1, headDim: 64, rotaryDim: 48, hiddenSize: 128, tieWordEmbeddings: true },
]

type Row = [name: string, shape: object, qkv: string, head: string, int8: boolean, original: number | null]
const int4 = (rest: string | number) => `int4 rows ${rest}`
const thrice = (form: string) => `${form} | ${form} | ${form}`
const rows: Row[] = [
  ['cpu-fp32', gqa, 'float32 columns', 'float32 columns', false, null],
  ['cpu-int4-awq-block-32', gqa, int4('32 zeros'), int4(32), true, null],
  ['cpu-int4-awq-qdq', gqa, int4('32 zeros signed'), 'float32 columns', false, null],
  ['cpu-int4-gptq', gqa, int4('32 zeros'), int4(32), true, null],
  ['cpu-int4-gptq-act-order', mha, int4('32 zeros g_idx'), int4(32), true, 64],
  ['cpu-int4-head96', head96, int4(16), int4(16), true, null],
  ['cpu-int4-k-quant-mixed', gqa, 'int8 rows 32 zeros', 'int8 rows 32 zeros', true, null],
  ['cpu-int4-partial', partial, int4(32), int4(32), true, 64],
  ['cpu-int4-qdq', gqa, 'int4 columns 32 signed', 'int4 columns 32 signed', false, null],
  ['cpu-int4-rtn-asymmetric-block-128', gqa, int4('128 zeros'), int4('128 zeros'), true, null],
  ['cpu-int4-rtn-block-32-acc-level-4', mha, int4(32), int4(32), true, null],
  ['cpu-int4-separate-qkv', gqa, thrice(int4(64)), int4(64), true, null],
  ['cpu-int4-shared-embeddings', partial, int4(32), int4(32), true, 64],
  ['cpu-int4-window', gqa, int4(32), int4(32), true, null],
  ['cpu-int8', gqa, 'int8 rows 32', 'int8 rows 32', true, null],
  ['cuda-fp16', mha, 'float16 columns', 'float16 columns', false, 64],
  ['cuda-int4-awq-block-128', mha, int4('128 zeros'), int4(32), false, null],
  ['cuda-int4-bf16', gqa, int4(32), int4(32), false, null],
  ['cuda-int4-rtn-block-32', mha, int4(32), int4(32), false, 64],
  ['dml-fp16', mha, thrice('float16 columns'), 'float16 columns', false, null],
  ['dml-int4', mha, thrice(int4(32)), int4(32), false, null],
  ['dml-int4-awq-block-32', gqa, thrice(int4('32 zeros')), int4(32), false, null],
  ['dml-int4-longrope', mha, thrice(int4(32)), int4(32), false, 64],
]

hasPackages('packages of the model builder', () => {
  test.each(rows)('%s', async (name, shape, qkv, head, int8, original) => {
    const model = await load(name)
    const match = matchPhi3(model)
    expect(match.facts).toEqual({
      ...shape,
      intermediateSize: 256,
      numHiddenLayers: 2,
      vocabSize: 320,
      rmsNormEps: Math.fround(1e-5),
    })
    expect(forms(match.weights.layers[0]!.qkv)).toBe(qkv)
    expect(forms(match.weights.head)).toBe(head)
    expect([match.allowsInt8, match.window, match.rotary.original]).toEqual([int8, null, original])
    expect(match.rotary.short.cos.shape[0]).toBe(original ?? 256)
    expect(match.rotary.long?.sin.shape[0]).toBe(original === null ? undefined : 256)
    expect(match.weights.head === match.weights.embed).toBe(match.facts.tieWordEmbeddings)
    expect(match.weights.layers.every((layer) => !layer.oMultiplier && !layer.downMultiplier)).toBe(true)

    expect(textOf(matchPhi3(scrambled(model, seedOf(name))))).toBe(textOf(match))
  })
})

describe.skipIf(real === null)("Microsoft's DirectML graph of Phi-3-mini", () => {
  let model: Model
  let match: Match
  beforeAll(async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    await copyFile(join(real!, 'model.onnx'), path)
    const weights = await open(`${path}.data`, 'w')
    await weights.truncate(2_131_292_928)
    await weights.close()
    model = await readOnnx(path)
    match = matchPhi3(model)
  })

  test('has 32 layers of q, k, v, o, gate_up and down with 64 multipliers', () => {
    const { layers } = match.weights
    expect(match.facts).toEqual({
      hiddenSize: 3072,
      intermediateSize: 8192,
      numHiddenLayers: 32,
      numAttentionHeads: 32,
      numKeyValueHeads: 32,
      headDim: 96,
      rotaryDim: 96,
      vocabSize: 32064,
      rmsNormEps: Math.fround(1e-5),
      tieWordEmbeddings: false,
    })
    const projections = layers.flatMap(({ qkv, o, gateUp, down }) =>
      [qkv, o, gateUp, down].flatMap(({ parts }) => parts),
    )
    expect(projections).toHaveLength(32 * 6)
    expect(new Set(projections.map(({ data }) => JSON.stringify(data))).size).toBe(32 * 6)
    const multipliers = layers.flatMap(({ oMultiplier, downMultiplier }) => [oMultiplier, downMultiplier])
    expect(multipliers.map((multiplier) => multiplier?.shape[0])).toEqual(layers.flatMap(() => [3072, 8192]))
    expect(new Set(multipliers.map((multiplier) => String(multiplier!.parts[0]!.data))).size).toBe(64)
    expect(forms(layers[0]!.qkv)).toBe(thrice(int4('128 zeros')))
  })

  test('has its weights where the file has them', () => {
    const { embed, head, layers } = match.weights
    expect(embed.parts[0]!.data).toMatchObject({ offset: 0, bytes: 197_001_216 })
    expect(head.parts[0]).toMatchObject({
      data: { offset: 2_082_042_624, bytes: 49_250_304 },
      groups: { scales: { offset: 2_080_118_784 }, zeros: { offset: 2_081_657_856, bytes: 384_768 } },
    })
    expect(layers[0]!.qkv.parts[0]!.data).toMatchObject({ offset: 202_487_808 })
  })

  test('is the same with every value renamed and its nodes shuffled', () => {
    expect(textOf(matchPhi3(scrambled(model, seedOf('directml'))))).toBe(textOf(match))
  })
})

/** The projection of some layer that reads the output of a node of this op. */
const first = (graph: Editor, opType: string) => graph.all(opType)[0]!

const microsoft = (init: NodeInit): NodeInit => ({ ...init, domain: 'com.microsoft' })

/** Rewrites that change nothing of what a graph computes. */
const rewrites: [what: string, name: string, rewrite: (model: Model) => Model][] = [
  [
    'with Identity and Cast after every node',
    'cuda-fp16',
    (model) =>
      edited(model, (graph) => {
        for (const { name, outputs } of [...graph.nodes]) {
          // what counts tokens is an integer
          const to = name.includes('subgraph') ? 7 : 1
          for (const output of outputs.filter((value) => value !== '' && !value.includes('cache')))
            graph.after(output, (from, end) => [
              { opType: 'Identity', inputs: [from], outputs: [`${end} same`] },
              { opType: 'Cast', inputs: [`${end} same`], outputs: [end], attributes: { to } },
            ])
        }
      }),
  ],
  ['with MultiHeadAttention', 'dml-int4', withMultiHeadAttention],
  ['with MultiHeadAttention over repeated heads', 'cpu-int4-separate-qkv', withMultiHeadAttention],
  [
    'with Add and SimplifiedLayerNormalization in place of their fusion',
    'cpu-int4-qdq',
    (model) =>
      edited(model, (graph) => {
        for (const old of graph.all('SkipSimplifiedLayerNormalization')) {
          const [input, skip, weight] = old.inputs as [string, string, string]
          const sum = old.outputs[3] || `${old.outputs[0]} sum`
          graph.replace(
            old,
            { opType: 'Add', inputs: [skip, input], outputs: [sum] },
            {
              opType: 'SimplifiedLayerNormalization',
              inputs: [sum, weight],
              outputs: [old.outputs[0]!],
              attributes: { epsilon: Math.fround(1e-5), axis: -1, stash_type: 1 },
            },
          )
        }
      }),
  ],
  [
    'with gate * up before sigmoid(gate)',
    'cpu-fp32',
    (model) =>
      edited(model, (graph) => {
        for (const sigmoid of graph.all('Sigmoid')) {
          const silu = graph.nodes.find(({ inputs }) => inputs.includes(sigmoid.outputs[0]!))!
          const gated = graph.nodes.find(({ inputs }) => inputs.includes(silu.outputs[0]!))!
          const up = gated.inputs.find((input) => input !== silu.outputs[0])!
          graph.replace(silu, { ...silu, inputs: [up, sigmoid.inputs[0]!] })
          graph.replace(gated, { ...gated, inputs: [silu.outputs[0]!, sigmoid.outputs[0]!] })
        }
      }),
  ],
  [
    'with QuickGelu of alpha 1',
    'cpu-fp32',
    (model) =>
      edited(model, (graph) => {
        for (const sigmoid of graph.all('Sigmoid')) {
          const silu = graph.nodes.find(({ inputs }) => inputs.includes(sigmoid.outputs[0]!))!
          graph.replace(sigmoid)
          const { inputs, outputs } = { inputs: [sigmoid.inputs[0]!], outputs: silu.outputs }
          graph.replace(silu, microsoft({ opType: 'QuickGelu', inputs, outputs, attributes: { alpha: 1 } }))
        }
      }),
  ],
  [
    'with packed queries, keys and values that Split takes apart',
    'cpu-int4-gptq',
    (model) =>
      edited(model, (graph) => {
        graph.constant(ints('sizes', 128, 64, 64))
        for (const old of graph.all('GroupQueryAttention')) {
          const [packed] = old.inputs as [string]
          const parts = ['q', 'k', 'v'].map((letter) => `${packed} ${letter}`)
          graph.add({ opType: 'Split', inputs: [packed, 'sizes'], outputs: parts, attributes: { axis: -1 } })
          graph.replace(old, { ...old, inputs: [...parts, ...old.inputs.slice(3)] })
        }
      }),
  ],
  [
    'with packed queries, keys and values that Slices take apart',
    'cpu-int4-rtn-block-32-acc-level-4',
    (model) =>
      edited(model, (graph) => {
        for (const end of [0, 128, 256, 384]) graph.constant(ints(`at ${end}`, end))
        graph.constant(ints('at the end', 2 ** 40))
        graph.constant(ints('last axis', -1))
        for (const old of graph.all('GroupQueryAttention')) {
          const [packed] = old.inputs as [string]
          const parts = ['at 128', 'at 256', 'at the end'].map((end, i) => {
            const output = `${packed} ${i}`
            graph.add({ opType: 'Slice', inputs: [packed, `at ${128 * i}`, end, 'last axis'], outputs: [output] })
            return output
          })
          graph.replace(old, { ...old, inputs: [...parts, ...old.inputs.slice(3)] })
        }
      }),
  ],
  [
    'with one If for each of cos and sin',
    'cuda-int4-rtn-block-32',
    (model) =>
      edited(model, (graph) => {
        const old = first(graph, 'If')
        const branches = (index: number) =>
          new Map(
            [...old.attributes].map(([name, attribute]) => {
              if (attribute.type !== 'graph') throw new Error(name)
              const value = { ...attribute.value, outputs: [attribute.value.outputs[index]!] }
              return [name, { type: 'graph' as const, value }]
            }),
          )
        graph.replace(old, ...[0, 1].map((i) => ({ ...old, outputs: [old.outputs[i]!], attributes: branches(i) })))
      }),
  ],
  [
    'with the branches of its If exchanged and the comparison turned round',
    'cpu-int4-partial',
    (model) =>
      edited(model, (graph) => {
        const comparison = first(graph, 'Greater')
        const [length, threshold] = comparison.inputs as [string, string]
        graph.replace(comparison, { ...comparison, opType: 'GreaterOrEqual', inputs: [threshold, length] })
        const choice = first(graph, 'If')
        const [yes, no] = ['then_branch', 'else_branch'].map((name) => choice.attributes.get(name)!)
        graph.replace(choice, {
          ...choice,
          attributes: new Map([
            ['then_branch', no!],
            ['else_branch', yes!],
          ]),
        })
      }),
  ],
  [
    'with logits of the last token alone',
    'cpu-int4-separate-qkv',
    (model) =>
      edited(model, (graph) => {
        const head = graph.maker('logits')
        graph.constant(ints('last', -1))
        graph.add({
          opType: 'Gather',
          inputs: [head.inputs[0]!, 'last'],
          outputs: ['last token'],
          attributes: { axis: 1 },
        })
        graph.setInput(head, 0, 'last token')
      }),
  ],
]

hasPackages('the same model', () => {
  test.each(rewrites)('%s (%s)', async (_, name, rewrite) => {
    const model = await load(name)
    const other = rewrite(model)
    const match = textOf(matchPhi3(model))
    expect(textOf(matchPhi3(other))).toBe(match)
    expect(textOf(matchPhi3(scrambled(other, seedOf(name))))).toBe(match)
  })

  test('has the window of its attention nodes', async () => {
    const model = edited(await load('cpu-int4-window'), (graph) => {
      for (const old of graph.all('GroupQueryAttention')) graph.setAttribute(old, 'local_window_size', 16)
    })
    expect(matchPhi3(model)).toMatchObject({ window: 16, windowOrigin: 'GroupQueryAttention local_window_size' })
  })

  test('does not allow int8 activations unless all of its MatMulNBits do', async () => {
    const model = await load('cpu-int8')
    for (const { name } of model.graph.nodes.filter(({ opType }) => opType === 'MatMulNBits')) {
      const strict = edited(model, (graph) => {
        graph.setAttribute(graph.nodes.find((each) => each.name === name)!, 'accuracy_level', 1)
      })
      expect(matchPhi3(strict).allowsInt8, name).toBe(name.includes('lm_head'))
    }
  })

  test('has one matrix for a head that is the transposed table of embeddings', async () => {
    const model = edited(await load('cpu-fp32'), (graph) => {
      graph.add({
        opType: 'Transpose',
        inputs: ['lm_head.MatMul.weight'],
        outputs: ['table'],
        attributes: { perm: [1, 0] },
      })
      graph.setInput(graph.nodes.find(({ inputs }) => inputs.includes('input_ids'))!, 0, 'table')
    })
    const { weights, facts } = matchPhi3(model)
    expect(weights.head).toBe(weights.embed)
    expect(facts.tieWordEmbeddings).toBe(true)
    expect(forms(weights.embed)).toBe('float32 columns')
  })

  test('has one matrix where head and embedding name the same bytes of a file', async () => {
    const name = 'cpu-int4-shared-embeddings'
    const model = edited(await load(name), (graph) => {
      const head = () => graph.nodes.find(({ outputs }) => outputs.includes('logits'))!
      for (const [i, input] of head().inputs.entries()) {
        const tensor = graph.constants.get(input)
        if (!tensor) continue
        const data = { ...(tensor.data as FileRange) }
        graph.setInput(head(), i, graph.constant({ ...tensor, name: `twin ${i}`, data }))
      }
    })
    expect(matchPhi3(model).facts.tieWordEmbeddings).toBe(true)
  })
})

/** Graphs that compute something else or nothing; the message names the node. */
const refusals: [
  what: string,
  name: string,
  edit: (graph: Editor) => void,
  type: 'unsupported' | 'format',
  message: RegExp,
][] = [
  [
    'a bias after a projection',
    'cpu-fp32',
    (graph) => {
      graph.constant(floats('bias', [128]))
      graph.after('/model/layers.1/attn/o_proj/MatMul/output_0', (from, to) => ({
        opType: 'Add',
        inputs: [from, 'bias'],
        outputs: [to],
      }))
    },
    'unsupported',
    /\(Add\): biases are not supported/,
  ],
  [
    'a bias inside of MatMulNBits',
    'cpu-int8',
    (graph) => {
      graph.constant(floats('bias', [256]))
      graph.setInput(first(graph, 'MatMulNBits'), 5, 'bias')
    },
    'unsupported',
    /MatMul_Q8 \(MatMulNBits\): input 5 \(a bias\) is not supported/,
  ],
  [
    'two bits',
    'cpu-int8',
    (graph) => graph.setAttribute(first(graph, 'MatMulNBits'), 'bits', 2),
    'unsupported',
    /bits must be 4 or 8, but is 2/,
  ],
  [
    'weights packed for a device',
    'dml-int4',
    (graph) => graph.setAttribute(first(graph, 'MatMulNBits'), 'weight_prepacked', 1),
    'unsupported',
    /weight_prepacked must be 0, but is 1/,
  ],
  [
    'an attribute that nobody knows',
    'dml-int4',
    (graph) => graph.setAttribute(first(graph, 'MatMulNBits'), 'mystery', 1),
    'unsupported',
    /attribute mystery/,
  ],
  [
    'another K',
    'cpu-int8',
    (graph) => graph.setAttribute(first(graph, 'MatMulNBits'), 'K', 96),
    'format',
    /its scales must be 768 constant floats, but are float32 \[256, 4\]/,
  ],
  [
    'another N',
    'cpu-int8',
    (graph) => graph.setAttribute(first(graph, 'MatMulNBits'), 'N', 257),
    'format',
    /its scales must be 1028 constant floats/,
  ],
  [
    'a block size that does not divide',
    'cpu-int8',
    (graph) => graph.setAttribute(first(graph, 'MatMulNBits'), 'block_size', 48),
    'unsupported',
    /power of two from 16 on, but is 48/,
  ],
  [
    'too few zero points',
    'cpu-int4-gptq',
    (graph) => {
      graph.constant({ ...floats('few', [25]), dtype: 'uint8' })
      graph.setInput(first(graph, 'MatMulNBits'), 3, 'few')
    },
    'format',
    /its zero points must be 512 bytes, but are 25/,
  ],
  [
    'a group index beyond the groups',
    'cpu-int4-gptq',
    (graph) => {
      graph.constant({
        name: 'g',
        shape: [128],
        dtype: 'int32',
        data: new Uint8Array(new Int32Array(128).fill(4).buffer),
      })
      graph.setInput(first(graph, 'MatMulNBits'), 4, 'g')
    },
    'format',
    /groups below 4, but column 0 is in 4/,
  ],
  [
    'blocks along the outputs',
    'cpu-int4-qdq',
    (graph) => graph.setAttribute(first(graph, 'DequantizeLinear'), 'axis', 1),
    'unsupported',
    /\(DequantizeLinear\): must have blocks along the inputs or one scale per output, but has blocks along the outputs/,
  ],
  [
    'a soft cap',
    'cpu-fp32',
    (graph) => graph.setAttribute(first(graph, 'GroupQueryAttention'), 'softcap', 30),
    'unsupported',
    /softcap must be 0, but is 30/,
  ],
  [
    'rotation of adjacent pairs',
    'cpu-fp32',
    (graph) => graph.setAttribute(first(graph, 'GroupQueryAttention'), 'rotary_interleaved', 1),
    'unsupported',
    /rotary_interleaved must be 0/,
  ],
  [
    'rotation of adjacent pairs by its own node',
    'dml-int4',
    (graph) => graph.setAttribute(first(graph, 'RotaryEmbedding'), 'interleaved', 1),
    'unsupported',
    /q_rotary.*interleaved must be 0/,
  ],
  [
    'another attention scale',
    'cpu-fp32',
    (graph) => graph.setAttribute(first(graph, 'GroupQueryAttention'), 'scale', 0.18),
    'unsupported',
    /scale must be 1\/sqrt\(32\), but is 0.18/,
  ],
  [
    'head sinks',
    'cpu-fp32',
    (graph) => {
      graph.constant(floats('sinks', [4]))
      graph.setInput(first(graph, 'GroupQueryAttention'), 11, 'sinks')
    },
    'unsupported',
    /input 11 \(an attention bias, head sink, cache scale or query norm\) is not supported/,
  ],
  [
    'windows that differ between layers',
    'cpu-fp32',
    (graph) => graph.setAttribute(graph.all('GroupQueryAttention')[1]!, 'local_window_size', 16),
    'unsupported',
    /layers.1\/attn.*window must be null as in other layers, but is 16/,
  ],
  [
    'epsilons that differ',
    'cpu-fp32',
    (graph) => graph.setAttribute(graph.all('SkipSimplifiedLayerNormalization')[2]!, 'epsilon', 1e-6),
    'unsupported',
    /epsilon must be .* as in other norms, but is 0.000001/,
  ],
  [
    'block-sparse attention',
    'cpu-fp32',
    (graph) =>
      graph.replace(first(graph, 'GroupQueryAttention'), {
        ...first(graph, 'GroupQueryAttention'),
        opType: 'SparseAttention',
      }),
    'unsupported',
    /\(SparseAttention\): is not supported; GroupQueryAttention and MultiHeadAttention are/,
  ],
  [
    'attention with packed weights',
    'cpu-fp32',
    (graph) =>
      graph.replace(first(graph, 'GroupQueryAttention'), {
        ...first(graph, 'GroupQueryAttention'),
        opType: 'Attention',
      }),
    'unsupported',
    /\(Attention\): is not supported/,
  ],
  [
    'an op of an unknown domain',
    'cpu-fp32',
    (graph) => graph.replace(first(graph, 'MatMul'), { ...first(graph, 'MatMul'), domain: 'example.com' }),
    'unsupported',
    /its packed input must be made by one of MatMul,.* but is made by node .*qkv_proj\/MatMul \(example.com.MatMul\)/,
  ],
  [
    'another activation',
    'cpu-fp32',
    (graph) => graph.replace(first(graph, 'Sigmoid'), { ...first(graph, 'Sigmoid'), opType: 'Tanh' }),
    'unsupported',
    /down_proj\/MatMul \(MatMul\): its input must be silu\(gate\) \* up, but is .*\(Tanh\)/,
  ],
  [
    'embeddings that are scaled',
    'cpu-fp32',
    (graph) => {
      graph.constant(floats('ten', [1], 10))
      graph.after('/model/embed_tokens/Gather/output_0', (from, to) => ({
        opType: 'Mul',
        inputs: [from, 'ten'],
        outputs: [to],
      }))
    },
    'unsupported',
    /embed_tokens\/Gather \(Gather\): .* must read its output, but it is read by .*\(Mul\)/,
  ],
  [
    'a norm with a mean',
    'cpu-fp32',
    (graph) =>
      graph.replace(first(graph, 'SimplifiedLayerNormalization'), {
        ...first(graph, 'SimplifiedLayerNormalization'),
        opType: 'LayerNormalization',
      }),
    'unsupported',
    /must read its output, but it is read by .*\(LayerNormalization\)/,
  ],
  [
    'capped logits',
    'cpu-fp32',
    (graph) => graph.after('logits', (from, to) => ({ opType: 'Tanh', inputs: [from], outputs: [to] })),
    'unsupported',
    /lm_head\/MatMul \(MatMul\): its output must be the logits, but goes to .*\(Tanh\)/,
  ],
  [
    'up before gate in one projection',
    'cpu-fp32',
    (graph) => {
      const [gate, up] = ['gate', 'up'].map((name) => graph.maker(`/model/layers.0/mlp/${name}_proj/MatMul/output_0`))
      graph.constant(floats('both', [128, 512]))
      graph.replace(gate!)
      graph.replace(
        up!,
        { opType: 'MatMul', inputs: [up!.inputs[0]!, 'both'], outputs: ['fused'] },
        {
          opType: 'Split',
          inputs: ['fused'],
          outputs: [up!.outputs[0]!, gate!.outputs[0]!],
          attributes: { axis: -1, num_outputs: 2 },
        },
      )
    },
    'unsupported',
    /\(MatMul\): its outputs must be all of gate and up in this order/,
  ],
  [
    'a layer that does not reach the residual stream',
    'cpu-fp32',
    (graph) => {
      const [, , , last] = graph.all('SkipSimplifiedLayerNormalization')
      graph.setInput(last!, 0, '/model/embed_tokens/Gather/output_0')
    },
    'unsupported',
    /one node must add to its output, but .* do/,
  ],
  [
    'attention that another layer does not use',
    'cpu-fp32',
    (graph) => {
      const [attention] = graph.all('GroupQueryAttention')
      graph.nodes.push({ ...attention!, name: 'spare', outputs: ['spare', 'spare k', 'spare v'] })
    },
    'unsupported',
    /node spare \(GroupQueryAttention\): must add to the residual stream/,
  ],
  [
    'no attention',
    'cpu-fp32',
    (graph) => {
      for (const old of graph.all('GroupQueryAttention')) graph.replace(old, { ...old, opType: 'Mystery' })
    },
    'unsupported',
    /must have an attention node, but has none/,
  ],
  [
    'no embedding',
    'cpu-fp32',
    (graph) =>
      graph.replace(graph.maker('/model/embed_tokens/Gather/output_0'), {
        opType: 'Mystery',
        inputs: [],
        outputs: ['/model/embed_tokens/Gather/output_0'],
      }),
    'unsupported',
    /one Gather must look input ids up in a table of embeddings, but none do/,
  ],
  [
    'hundreds of embeddings, of which the error names a few',
    'cpu-fp32',
    (graph) => {
      const old = graph.maker('/model/embed_tokens/Gather/output_0')
      for (let i = 0; i < 500; i++) graph.nodes.push({ ...old, name: `copy ${i}`, outputs: [`copy ${i}`] })
    },
    'unsupported',
    /one Gather must look input ids up in a table of embeddings, but (node [^,]*, ){2}node [^,]* do$/,
  ],
  [
    'a norm of another width',
    'cpu-fp32',
    (graph) => graph.constant(floats('model.layers.1.input_layernorm.weight', [64])),
    'format',
    /its weight must have 128 values, but has 64/,
  ],
  [
    'a weight that is no constant',
    'cpu-fp32',
    (graph) => graph.setInput(first(graph, 'MatMul'), 1, 'past_key_values.0.key'),
    'unsupported',
    /its weight must be a constant matrix .* but is the graph input/,
  ],
  [
    'a projection of another width',
    'cpu-fp32',
    (graph) => graph.constant(floats('model.layers.1.attn.o_proj.MatMul.weight', [128, 64])),
    'format',
    /o_proj\/MatMul \(MatMul\): must be \[128, 128\], but is \[64, 128\]/,
  ],
  [
    'caches of other widths',
    'cpu-fp32',
    (graph) => graph.constant(floats('sin_cache', [256, 8])),
    'format',
    /must be matrices of one shape .* but are \[256, 16\] and \[256, 8\]/,
  ],
  [
    'a threshold beyond the short cache',
    'cuda-fp16',
    (graph) => graph.constant(ints(first(graph, 'Greater').inputs[1]!, 65)),
    'format',
    /the short cache must have 65 rows, but has 64/,
  ],
  [
    'an offset beyond the cache',
    'dml-int4-longrope',
    (graph) => {
      graph.constant(ints('far', 320))
      graph.setInput(graph.maker('/model/pos_ids_reformat/Mul/output_0'), 1, 'far')
    },
    'format',
    /positions of long contexts must begin at a row .* but at 320/,
  ],
  [
    'a mask that depends on queries',
    'dml-int4',
    (graph) => {
      const { nodes, inputs } = new EarlyOf(graph)
      graph.nodes = nodes
      graph.inputs = inputs
      const [attention] = graph.all('MultiHeadAttention')
      graph.add({ opType: 'Mul', inputs: ['mask', attention!.inputs[0]!], outputs: ['slopes'] })
      graph.setInput(attention!, 5, 'slopes')
    },
    'unsupported',
    /its mask must be made of the graph's inputs, but depends on/,
  ],
  [
    'attention without a mask',
    'dml-int4',
    (graph) => {
      const { nodes, inputs } = new EarlyOf(graph)
      graph.nodes = nodes
      graph.inputs = inputs
      graph.setInput(first(graph, 'MultiHeadAttention'), 5, '')
    },
    'unsupported',
    /must have a causal mask or be unidirectional, but is neither/,
  ],
]

/** Nodes and inputs of the graph with MultiHeadAttention. */
class EarlyOf {
  readonly nodes
  readonly inputs
  constructor(graph: Editor) {
    const { nodes, inputs } = withMultiHeadAttention(graph.model).graph
    this.nodes = [...nodes]
    this.inputs = inputs
  }
}

hasPackages('what is refused', () => {
  test.each(refusals)('%s (%s)', async (_, name, edit, type, message) => {
    const model = edited(await load(name), edit)
    const error = (() => {
      try {
        return matchPhi3(model)
      } catch (caught) {
        return caught
      }
    })()
    expect(error).toBeInstanceOf(type === 'format' ? FormatError : UnsupportedModelError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toContain(model.path)
  })

  test('nodes that are not there: any one that a layer needs', async () => {
    const model = await load('cpu-int4-separate-qkv')
    const spare = ['ReduceSum', 'Sub', 'Cast', 'Shape', 'Gather']
    for (const gone of model.graph.nodes.filter(
      ({ opType, name }) => !spare.includes(opType) || name.includes('embed'),
    )) {
      // its outputs become inputs of the graph, so that all values are still there
      const other = edited(model, (graph) => {
        graph.replace(gone)
        for (const output of gone.outputs) graph.input(output)
      })
      expect(() => matchPhi3(other), gone.name).toThrow(UnsupportedModelError)
    }
  })
})

test('a product of many factors ends in an error, not in a search', async () => {
  const nodes = Array.from({ length: 200 }, (_, i) =>
    node({ opType: 'Mul', inputs: [`m${i}`, `m${i}`], outputs: [`m${i + 1}`] }),
  )
  if (packages === null) return
  const model = edited(await load('cpu-fp32'), (graph) => {
    const down = graph.maker('/model/layers.0/mlp/down_proj/MatMul/output_0')
    graph.nodes.push(...nodes)
    graph.input('m0')
    graph.setInput(down, 0, 'm200')
  })
  expect(() => matchPhi3(model)).toThrow(/product of at most three activations/)
})

test('a node with more operands than a call takes arguments is a factor like any other', () => {
  const nodes = [node({ opType: 'Mul', inputs: new Array<string>(300_000).fill('x'), outputs: ['y'] })]
  const graph = { nodes, constants: new Map(), inputs: [{ name: 'x', dtype: null, shape: null }], outputs: [] }
  const flow = new Dataflow({ path: 'model.onnx', graph })
  expect(product(flow, nodes[0]!, 'y').factors).toEqual(['y'])
})

test('a long chain of Identity is walked once, however many nodes read its end', () => {
  const count = 100_000
  const nodes = Array.from({ length: count }, (_, i) => [
    node({ opType: 'Identity', inputs: [i === 0 ? 'x' : `x${i - 1}`], outputs: [`x${i}`] }),
    node({ opType: 'Neg', inputs: [`x${count - 1}`], outputs: [`y${i}`] }),
  ]).flat()
  const graph = { nodes, constants: new Map(), inputs: [{ name: 'x', dtype: null, shape: null }], outputs: [] }
  const flow = new Dataflow({ path: 'model.onnx', graph })
  expect(flow.nodes).toHaveLength(count)
  expect(flow.consumers('x')).toHaveLength(count)
})

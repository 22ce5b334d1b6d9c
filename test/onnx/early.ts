import { type Editor, edited, ints, type Model } from './graph.js'

/**
 * The graph as the first builder wrote it for the CPU: MultiHeadAttention with a mask made of the graph's inputs,
 * RotaryEmbedding nodes, and where keys have fewer heads than queries, subgraphs that append them to the cache and
 * repeat them. For graphs whose projections of q, k and v are apart.
 */
export function withMultiHeadAttention(model: Model): Model {
  return edited(model, (graph) => {
    const mask = causalMask(graph)
    for (const old of graph.all('GroupQueryAttention')) {
      const [query, key, value, pastKey, pastValue] = old.inputs as string[]
      const output = old.outputs[0]!
      const heads = old.attributes.get('num_heads')!.value as number
      const keyValueHeads = old.attributes.get('kv_num_heads')!.value as number
      const inside = old.attributes.get('do_rotary')?.value === 1
      const [q, k] = inside
        ? [query!, key!].map((input, i) => rotated(graph, input, `${output} ${i}`, old.inputs[7]!, old.inputs[8]!))
        : [query!, key!]
      const grouped = heads !== keyValueHeads
      const pasts = [pastKey!, pastValue!]
      const [allKeys, allValues] = [k!, value!].map((input, i) =>
        grouped ? repeated(graph, input, pasts[i]!, old.outputs[i + 1]!, heads / keyValueHeads) : input,
      )
      const { scale } = Object.fromEntries([...old.attributes].map(([name, attribute]) => [name, attribute.value]))
      graph.replace(old, {
        opType: 'MultiHeadAttention',
        domain: 'com.microsoft',
        inputs: [q!, allKeys!, allValues!, '', '', mask, ...(grouped ? [] : pasts)],
        outputs: grouped ? [output] : old.outputs,
        attributes: { num_heads: heads, ...(scale !== undefined && { scale: scale as number }) },
      })
    }
  })
}

/** -inf above the diagonal and where the attention mask is 0; as much of the original as names its inputs. */
function causalMask(graph: Editor): string {
  graph.add(
    { opType: 'Shape', inputs: ['attention_mask'], outputs: ['mask shape'] },
    { opType: 'ConstantOfShape', inputs: ['mask shape'], outputs: ['mask blank'] },
    { opType: 'Trilu', inputs: ['mask blank'], outputs: ['mask triangle'], attributes: { upper: 1 } },
    { opType: 'Cast', inputs: ['attention_mask'], outputs: ['mask float'], attributes: { to: 1 } },
    { opType: 'Where', inputs: ['mask float', 'mask triangle', 'mask blank'], outputs: ['mask'] },
  )
  return 'mask'
}

function rotated(graph: Editor, input: string, name: string, cos: string, sin: string): string {
  graph.add({
    opType: 'RotaryEmbedding',
    domain: 'com.microsoft',
    inputs: [input, graph.input('position_ids'), cos, sin],
    outputs: [`${name} rotated`],
    attributes: { interleaved: 0 },
  })
  return `${name} rotated`
}

function repeated(graph: Editor, input: string, past: string, present: string, times: number): string {
  const at = (step: string) => `${present} ${step}`
  graph.constant(ints('axis 2', 2))
  graph.constant(ints('any shape', 0, 0, 0, 0))
  graph.constant(ints(`repeated ${times}`, 1, 1, times, 1, 1))
  graph.add(
    { opType: 'Reshape', inputs: [input, 'any shape'], outputs: [at('4d')] },
    { opType: 'Transpose', inputs: [at('4d')], outputs: [at('heads')], attributes: { perm: [0, 2, 1, 3] } },
    { opType: 'Concat', inputs: [past, at('heads')], outputs: [present], attributes: { axis: 2 } },
    { opType: 'Unsqueeze', inputs: [present, 'axis 2'], outputs: [at('5d')] },
    { opType: 'Expand', inputs: [at('5d'), `repeated ${times}`], outputs: [at('expanded')] },
    { opType: 'Reshape', inputs: [at('expanded'), 'any shape'], outputs: [at('repeated')] },
    { opType: 'Transpose', inputs: [at('repeated')], outputs: [at('rows')], attributes: { perm: [0, 2, 1, 3] } },
    { opType: 'Reshape', inputs: [at('rows'), 'any shape'], outputs: [at('flat')] },
  )
  return at('flat')
}

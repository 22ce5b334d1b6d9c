import type { Json } from '../fields.js'
import { fields, stepsOf } from './steps.js'

export type Normalize = (text: string) => string

/** How many times longer a text becomes at most; steps multiply, and Phi-3's make it 4. */
const maxGrowth = 1024

/** `normalizer` of tokenizer.json. */
export function readNormalizer(value: unknown): Normalize {
  const steps = stepsOf('normalizer', value, 'normalizers')
  const each = steps.map(({ field, step }) => readStep(field, step))
  const growth = steps.reduce(
    (product, { step }) => product * (1 + String(step.content ?? step.prepend ?? '').length),
    1,
  )
  if (growth > maxGrowth)
    throw fields.unsupported('normalizer', `steps that make a text at most ${maxGrowth} times longer`, growth)
  return (text) => each.reduce((before, step) => step(before), text)
}

function readStep(field: string, step: Json): Normalize {
  switch (step.type) {
    case 'Prepend': {
      const prepend = fields.string(`${field}.prepend`, step.prepend)
      return (text) => (text === '' ? text : prepend + text)
    }
    case 'Replace': {
      const pattern = fields.object(`${field}.pattern`, step.pattern)
      if (pattern.Regex !== undefined) throw fields.unsupported(`${field}.pattern`, 'a String', pattern.Regex)
      const replaced = fields.string(`${field}.pattern.String`, pattern.String)
      const content = fields.string(`${field}.content`, step.content)
      if (replaced === '') throw fields.unsupported(`${field}.pattern.String`, 'a string of one character or more', '')
      const written = content.replaceAll('$', '$$$$')
      return (text) => text.replaceAll(replaced, written)
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = step.type
      return (text) => text.normalize(form)
    }
    default:
      throw fields.unsupported(`${field}.type`, 'Prepend, Replace, NFC, NFD, NFKC or NFKD', step.type)
  }
}

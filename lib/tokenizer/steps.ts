import { fieldReader, type Json } from '../fields.js'

/** Of tokenizer.json. */
export const fields = fieldReader('tokenizer.json')

/** The steps of a component: those of a Sequence, one, or none. */
export function stepsOf(field: string, value: unknown, list: string): { field: string; step: Json }[] {
  if (value === undefined || value === null) return []
  const component = fields.object(field, value)
  if (component.type !== 'Sequence') return [{ field, step: component }]
  return fields.array(`${field}.${list}`, component[list]).map((step, index) => {
    const name = `${field}.${list}[${index}]`
    return { field: name, step: fields.object(name, step) }
  })
}

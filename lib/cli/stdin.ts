/** All of a stream as text, but for the newline that ends it. */
export async function readText(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

/** Lines of UTF-8. They end at a newline and nowhere else: JSON may hold U+2028, where readline would cut. */
export async function* readLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let pending: string[] = []
  for await (const chunk of stream) {
    const [head, ...lines] = decoder.decode(chunk, { stream: true }).split('\n')
    pending.push(head as string)
    for (const line of lines) {
      yield pending.join('').replace(/\r$/, '')
      pending = [line]
    }
  }
  const last = pending.join('') + decoder.decode()
  if (last !== '') yield last.replace(/\r$/, '')
}

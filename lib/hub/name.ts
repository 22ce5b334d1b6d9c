/** Whether a text can be the name of a repository (org/name) rather than of a file. */
export function isModelName(text: string): boolean {
  return (
    /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/.test(text) &&
    !/--|\.\.|[.-](\/|$)|\.(gguf|safetensors|onnx|json)$/.test(text)
  )
}

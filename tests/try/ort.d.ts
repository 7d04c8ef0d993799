declare module '*/ort.wasm.bundle.min.mjs' {
  export const env: any
  export const Tensor: any
  export const InferenceSession: any
}

// Values of GPUBufferUsage, GPUMapMode and GPUShaderStage, which are globals in browsers but not in Node.
export const BUFFER_USAGE = {
  MAP_READ: 0x1,
  MAP_WRITE: 0x2,
  COPY_SRC: 0x4,
  COPY_DST: 0x8,
  STORAGE: 0x80,
  QUERY_RESOLVE: 0x200,
} as const;
export const MAP_MODE_READ = 0x1;
export const MAP_MODE_WRITE = 0x2;
export const SHADER_STAGE_COMPUTE = 0x4;

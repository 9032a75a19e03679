import * as wasm from 'btc-compiler/runtime/targets/wasm';
import * as webgpu from 'btc-compiler/runtime/targets/webgpu';
import { serve } from 'btc-compiler/runtime/worker';

serve({ targets: { webgpu: () => webgpu, wasm: () => wasm } });

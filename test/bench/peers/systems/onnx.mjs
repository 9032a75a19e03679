// What onnxruntime-web and onnxruntime-node share. Operands and results of the CPU are copied in and out with each call, as the
// interface has it; on a GPU they stay there.
import { channelsLast } from '../tensors.mjs';
import { KERNELS } from '../workloads.mjs';
import { onnxKernel } from './onnx-graph.mjs';

/** Prepares rows with the interface `ort` and options of its sessions. `upload` makes a tensor that stays on the device. */
export function onnxSystem(ort, options, upload = null) {
  return {
    async prepare(row, { parameters }) {
      const { model, given, result } = onnxKernel(row, parameters);
      const session = await ort.InferenceSession.create(model, options);
      const feeds = {};
      for (const [name, { values, shape }] of Object.entries(given))
        feeds[name] = upload
          ? await upload(values, shape)
          : new ort.Tensor('float32', values, shape);
      return {
        async call() {
          const outputs = await session.run(feeds);
          outputs[result].dispose?.();
        },
        async output() {
          const tensor = (await session.run(feeds))[result];
          const values = upload ? await tensor.getData() : tensor.data;
          return channelsLast({ values, shape: [...tensor.dims] }, KERNELS[row].layouts.result)
            .values;
        },
        dispose() {},
      };
    },
  };
}

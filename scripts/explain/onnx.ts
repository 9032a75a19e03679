import {
  externalTensor,
  INT64,
  onnxFunction,
  onnxGraph,
  onnxModel,
  onnxNode,
  onnxTensor,
  onnxValue,
} from '../../test/support/onnx.ts';
import { commands, type Explanation } from './example.ts';

const x = onnxValue('x', [2, 3]);
const relu = onnxNode('Relu', ['x'], ['y']);
const model = (parts: Partial<Parameters<typeof onnxModel>[0]>) =>
  onnxModel({ inputs: [x], outputs: ['y'], nodes: [relu], ...parts });

/** The file that is refused, in words, and what it is when it is right. */
const imported = (
  title: string,
  means: string,
  broken: { readonly is: string; readonly bytes: () => Uint8Array },
  options = { wrong: '', right: '' },
): Explanation =>
  commands(
    title,
    means,
    `import net.onnx${options.wrong}`,
    options.right === ''
      ? 'import good.onnx -o made --overwrite'
      : `import net.onnx${options.right}`,
    {
      'net.onnx': broken,
      'good.onnx': { is: 'a model of one Relu', bytes: () => model({}) },
    },
  );

/** A loop around `nodes` nodes that runs `trips` times. */
const loop = (trips: number, nodes: number) =>
  model({
    weights: [onnxTensor('n', [], [trips], INT64)],
    nodes: [
      onnxNode('Loop', ['n', '', 'x'], ['y'], {
        body: onnxGraph({
          inputs: [onnxValue('i', [], INT64), onnxValue('c', [], 9), onnxValue('v', [2, 3])],
          outputs: ['c', `v${nodes}`],
          nodes: Array.from({ length: nodes }, (_, k) =>
            onnxNode('Identity', [k === 0 ? 'v' : `v${k}`], [`v${k + 1}`]),
          ),
        }),
      }),
    ],
  });

const reshaped = () =>
  onnxModel({
    inputs: [onnxValue('x', ['n', 6]), onnxValue('shape', [2], INT64)],
    outputs: ['y'],
    nodes: [onnxNode('Reshape', ['x', 'shape'], ['y'])],
  });

const open = () => model({ inputs: [onnxValue('x', ['batch', 3])] });

/** 5100 to 5119: models of ONNX. */
export const ONNX_PAGES = {
  5100: imported(
    'Not a model of ONNX',
    'The file is no protobuf of ONNX, is cut off, or holds no graph. Pointers of Git LFS look like this too.',
    { is: 'a text', bytes: () => new TextEncoder().encode('not a model') },
  ),
  5101: imported(
    'An operator set that is not known',
    'Export the model with an older operator set, as in `torch.onnx.export(…, opset_version=17)`.',
    { is: 'a model of operator set 99', bytes: () => model({ opset: 99 }) },
  ),
  5102: imported(
    'An input that is no tensor of numbers',
    'Inputs are tensors of numbers whose rank is known. Sequences, maps and texts are taken care of outside of the model.',
    {
      is: 'a model whose input x is of texts',
      bytes: () => model({ inputs: [onnxValue('x', [2], 8)] }),
    },
  ),
  5103: imported(
    'A weight that is not what it says',
    'Shape and data of a tensor in the file contradict each other.',
    {
      is: 'a model with a weight w of shape [1000, 1000] and two values',
      bytes: () => model({ weights: [onnxTensor('w', [1000, 1000], [1, 2])] }),
    },
  ),
  5104: imported(
    'A type that is not known',
    'Tensors of numbers and of bool are taken; complex numbers and texts are not.',
    {
      is: 'a model with a weight w of complex numbers',
      bytes: () => model({ weights: [onnxTensor('w', [], [1], 14)] }),
    },
  ),
  5105: imported(
    'Data beside the model cannot be had',
    "Large models keep weights in files beside the .onnx file, and those come along with it. A path that leads out of the model's folder is not followed.",
    {
      is: 'a model whose weight w is in w.bin, which is not there',
      bytes: () => model({ weights: [externalTensor('w', [2], { location: 'w.bin' })] }),
    },
  ),
  5106: imported(
    'The graph is not whole',
    'An output is computed by no node, or something else that the graph needs is not in the file.',
    { is: 'a model with an output z that no node gives', bytes: () => model({ outputs: ['z'] }) },
  ),
  5107: imported(
    'A node reads what nothing gives',
    'Nodes stand in the order in which they run. This one reads a name that no input, weight or earlier node has.',
    {
      is: 'a model with an Add of x and b, where b comes from a node behind it',
      bytes: () =>
        model({ nodes: [onnxNode('Add', ['x', 'b'], ['y']), onnxNode('Relu', ['y'], ['b'])] }),
    },
  ),
  5108: imported(
    'A name that is given twice',
    'Two nodes give a value of one name, so nobody can say which is meant.',
    { is: 'a model with two nodes that give y', bytes: () => model({ nodes: [relu, relu] }) },
  ),
  5109: imported(
    'An operator that is not known',
    'The page on ONNX lists the operators. Replace this one by others, or import what is before it.',
    {
      is: 'a model with an operator Fuse of com.corp',
      bytes: () => model({ nodes: [onnxNode('Fuse', ['x'], ['y'], {}, 'com.corp')] }),
    },
  ),
  5110: imported(
    'An operator in a form that is not known',
    'The operator is known, but not with these attributes or operands. The reason says what is taken.',
    {
      is: "a model with a Pad whose mode is 'odd'",
      bytes: () =>
        model({
          nodes: [onnxNode('Pad', ['x', 'p'], ['y'], { mode: 'odd' })],
          weights: [onnxTensor('p', [4], [1, 1, 1, 1], INT64)],
        }),
    },
  ),
  5111: imported(
    'A shape that is computed',
    'btc plans memory before anything runs, so shapes are known by then. `--value` gives an input that decides one its values.',
    { is: 'a model that reshapes x as its input shape says', bytes: reshaped },
    { wrong: '', right: ' --value shape=3,-1 --set n=4 -o made --overwrite' },
  ),
  5112: imported(
    'A loop too long to be laid out',
    'Loops of a graph are laid out step by step. This one would make too many steps.',
    { is: 'a model with a loop of 9,000 times 6 nodes', bytes: () => loop(9000, 6) },
  ),
  5113: imported(
    'Functions nested too deep',
    'Functions of the file call one another without end, or very deep.',
    {
      is: 'a model with a function that calls itself',
      bytes: () =>
        model({
          nodes: [onnxNode('Again', ['x'], ['y'], {}, 'own')],
          functions: [
            onnxFunction(
              'own',
              'Again',
              ['a'],
              ['b'],
              [onnxNode('Again', ['a'], ['b'], {}, 'own')],
            ),
          ],
        }),
    },
  ),
  5114: imported(
    'A mistake at a node',
    'What the node computes is wrong in the language of btc: most often shapes that do not meet. The text behind the node is the message for it.',
    {
      is: 'a model that adds [2, 3] and [4]',
      bytes: () =>
        model({
          inputs: [x, onnxValue('z', [4])],
          nodes: [onnxNode('Add', ['x', 'z'], ['y'])],
        }),
    },
  ),
  5115: imported(
    'No such axis or input',
    '`--set` gives an axis that the file leaves open its extent, `--value` an input its values. The message lists the names.',
    { is: 'a model whose input x is [batch, 3]', bytes: open },
    { wrong: ' --set rows=2', right: ' --set batch=2 -o made --overwrite' },
  ),
  5116: imported(
    'Not an extent',
    'An axis has an extent of 1 or more.',
    { is: 'a model whose input x is [batch, 3]', bytes: open },
    { wrong: ' --set batch=0', right: ' --set batch=2 -o made --overwrite' },
  ),
  5117: imported(
    'Values that are no numbers',
    '`--value name=3,-1` gives the numbers of an input, separated by commas.',
    { is: 'a model that reshapes x as its input shape says', bytes: reshaped },
    { wrong: ' --value shape=2,many', right: ' --value shape=3,-1 --set n=4 -o made --overwrite' },
  ),
  5118: imported(
    'An output that is not as the file says',
    'The graph gives the output another shape or dtype than the file declares, so the file is damaged or was written by hand. Export it anew.',
    {
      is: 'a model whose output is [2, 3], declared as [3, 2]',
      bytes: () => model({ outputs: [onnxValue('y', [3, 2])] }),
    },
  ),
  5119: imported(
    'No output for this loss',
    '`--train` writes a training for the first output that the loss can be of. The message says what it takes, and what the outputs are.',
    {
      is: 'a model whose output is the place of the largest number',
      bytes: () => model({ nodes: [onnxNode('ArgMax', ['x'], ['y'], { axis: 1 })] }),
    },
    { wrong: ' --train mse', right: ' -o made --overwrite' },
  ),
} as const;

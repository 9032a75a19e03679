/** Names that exporters count up and nobody gave: `onnx::Conv_497`, `123`. */
const COUNTED = /^(onnx::.*|\w*::.*|[A-Za-z]?\d+|val_\d+|_+\w{0,2}\d*)$/;

/** What of a name says more than what it is of: `fc1.weight` is of `fc1`. */
const ENDINGS = /[./](weight|bias|kernel|gamma|beta|scale|shift|W|B|R)(:\d+)?$/;

/** What btc's own exports append to the names of weights whose axes they have put in another order. */
const ARRANGED = /(\.arranged(_\d+)?)+$/;

/** A name of the file as a name of btc, or null where it is only counted. */
export function readableName(name: string): string | null {
  const clean = name
    .replace(/[^\x21-\x7e]/g, '_')
    .replace(/:\d+$/, '')
    .replace(/[/\\]+/g, '.')
    .replace(/^\.+|\.+$/g, '')
    .replace(ARRANGED, '');
  return clean === '' || COUNTED.test(clean) || clean.startsWith('__') ? null : clean;
}

/** The layer that a weight's name is of, or null. */
export function layerOfWeight(name: string): string | null {
  const readable = readableName(name);
  return readable && ENDINGS.test(readable) ? readable.replace(ENDINGS, '') : null;
}

/** The place of a node in the network, by its name: `/layer1/conv1/Conv` is at `layer1.conv1`. */
export function layerOfNode(name: string, op: string): string {
  const readable = readableName(name)?.replace(new RegExp(`[._]${op}(_\\d+)?$`), '');
  const lower = op.charAt(0).toLowerCase() + op.slice(1);
  return !readable || readable === op ? lower : readable;
}

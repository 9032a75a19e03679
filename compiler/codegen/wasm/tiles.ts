// The innermost loops of contractions in panels: functions that all kernels of a module share. A tile has at most four rows and
// two vectors of columns: eight accumulators and the six values that a term loads are what 16 registers hold, and an engine
// that moves all loads of a loop's body to its front (V8 does) has no more than one term's there.

const ROWS = [4, 3, 2, 1];
const get = (name: string) => `(local.get $${name})`;
const set = (name: string, value: string) => `(local.set $${name} ${value})`;
const plus = (name: string, by: string) => set(name, `(i32.add ${get(name)} ${by})`);
const integer = (value: number) => `(i32.const ${value})`;

/**
 * Adds up left[rows, terms] · panel[terms, 4·vectors]; `add`: to what is in c. `ra` and `rc` are bytes from row to row,
 * `ta` from term to term.
 */
function tile(rows: number, vectors: number): string {
  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  const sum = (r: number, v: number) => `s${r}${v}`;
  const locals = [
    ...range(rows).flatMap((r) => [`(local $a${r} i32)`, `(local $c${r} i32)`]),
    ...range(rows).flatMap((r) => range(vectors).map((v) => `(local $${sum(r, v)} v128)`)),
    ...range(vectors).map((v) => `(local $b${v} v128)`),
    '(local $x v128) (local $end i32)',
  ];
  const rowsOf = (name: string) =>
    range(rows).map((r) =>
      set(
        `${name}${r}`,
        r === 0 ? get(name) : `(i32.add ${get(`${name}${r - 1}`)} ${get(`r${name}`)})`,
      ),
    );
  const term = [
    ...range(vectors).map((v) => set(`b${v}`, `(v128.load offset=${16 * v} ${get('b')})`)),
    ...range(rows).flatMap((r) => [
      set('x', `(v128.load32_splat ${get(`a${r}`)})`),
      ...range(vectors).map((v) =>
        set(sum(r, v), `(f32x4.add (f32x4.mul ${get('x')} ${get(`b${v}`)}) ${get(sum(r, v))})`),
      ),
    ]),
    ...range(rows).map((r) => plus(`a${r}`, get('ta'))),
  ];
  const each = (line: (r: number, v: number) => string) =>
    range(rows).flatMap((r) => range(vectors).map((v) => line(r, v)));
  const place = (r: number, v: number) => `offset=${16 * v} ${get(`c${r}`)}`;
  return `(func $tile${rows}x${vectors} (param $a i32) (param $b i32) (param $c i32) (param $terms i32) (param $ra i32) (param $ta i32) (param $rc i32) (param $add i32)
${locals.join(' ')}
${rowsOf('a').join('\n')}
${set('end', `(i32.add ${get('b')} (i32.mul ${get('terms')} ${integer(16 * vectors)}))`)}
(loop $next
${term.join('\n')}
(br_if $next (i32.ne (local.tee $b (i32.add ${get('b')} ${integer(16 * vectors)})) ${get('end')})))
${rowsOf('c').join('\n')}
(if ${get('add')} (then
${each((r, v) => set(sum(r, v), `(f32x4.add (v128.load ${place(r, v)}) ${get(sum(r, v))})`)).join('\n')}))
${each((r, v) => `(v128.store ${place(r, v)} ${get(sum(r, v))})`).join('\n')})`;
}

/** All rows and panels of a block: `panel` bytes from panel to panel. */
function product(vectors: number): string {
  const call = (rows: number) =>
    `(call $tile${rows}x${vectors} ${['x', 'b', 'y', 'terms', 'ra', 'ta', 'rc', 'add'].map(get).join(' ')})`;
  const [most, ...fewer] = ROWS;
  const parameters = [
    'a',
    'b',
    'c',
    'rows',
    'terms',
    'panels',
    'panel',
    'ra',
    'ta',
    'tile',
    'rc',
    'add',
  ];
  return `(func $product${4 * vectors} ${parameters.map((name) => `(param $${name} i32)`).join(' ')}
(local $x i32) (local $y i32) (local $left i32)
(loop $next
${set('x', get('a'))}
${set('y', get('c'))}
${set('left', get('rows'))}
(block $few
(loop $tiles
(br_if $few (i32.lt_u ${get('left')} ${integer(most)}))
${call(most)}
${plus('x', get('tile'))}
${plus('y', `(i32.mul ${get('rc')} ${integer(most)})`)}
${plus('left', integer(-most))}
(br $tiles)))
${fewer.map((rows) => `(if (i32.eq ${get('left')} ${integer(rows)}) (then ${call(rows)}))`).join('\n')}
${plus('b', get('panel'))}
${plus('c', integer(16 * vectors))}
(br_if $next (local.tee $panels (i32.sub ${get('panels')} ${integer(1)})))))`;
}

/** Moves `bytes` from one address to another, or adds them. */
const FOLD = `(func $fold (param $to i32) (param $from i32) (param $bytes i32) (param $add i32) (local $x v128)
(loop $next
${set('x', `(v128.load ${get('from')})`)}
(if ${get('add')} (then ${set('x', `(f32x4.add (v128.load ${get('to')}) ${get('x')})`)}))
(v128.store ${get('to')} ${get('x')})
${plus('to', integer(16))}
${plus('from', integer(16))}
(br_if $next (local.tee $bytes (i32.sub ${get('bytes')} ${integer(16)})))))`;

/** By name, as kernels call them. */
export const TILE_FUNCTIONS: Readonly<Record<string, string>> = {
  product4: product(1),
  product8: product(2),
  fold: FOLD,
  ...Object.fromEntries(
    ROWS.flatMap((rows) =>
      [1, 2].map((vectors) => [`tile${rows}x${vectors}`, tile(rows, vectors)]),
    ),
  ),
};

import { isolateHistory } from '@codemirror/commands';
import { javascript } from '@codemirror/lang-javascript';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { diagnosticCount, lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { basicSetup } from 'codemirror';

/** In the colours of the page, which follow the system. */
const THEME = EditorView.theme({
  '&': { backgroundColor: 'var(--surface)', color: 'var(--text)' },
  '.cm-content': {
    caretColor: 'var(--accent)',
    fontFamily: 'ui-monospace, Menlo, Consolas, monospace',
  },
  // Around all of it: the text itself is scrolled, and cut off with what is around it.
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-1px' },
  '.cm-content:focus-visible': { outline: 'none' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)' },
  '.cm-gutters': { backgroundColor: 'var(--background)', color: 'var(--muted)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--accent-soft)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--accent-soft) !important',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--surface)',
    color: 'var(--text)',
    borderColor: 'var(--line)',
  },
});
const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier], color: 'var(--accent)' },
  { tag: [tags.string, tags.number, tags.bool], color: 'var(--warning)' },
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
]);

/** An editor of TypeScript with marks at diagnostics. `changed` is told each text that a person typed. */
export function createEditor(parent, text, changed) {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        basicSetup,
        javascript({ typescript: true }),
        lintGutter(),
        THEME,
        syntaxHighlighting(COLOURS),
        EditorView.contentAttributes.of({ 'aria-label': 'Source of the model' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) changed(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    /** One step of the history, whatever was typed just before. */
    replace: (next) =>
      view.dispatch({
        changes: { from: 0, to: view.state.doc.length, insert: next },
        annotations: isolateHistory.of('full'),
      }),
    /** Marks each expression that a diagnostic points at. */
    mark(diagnostics) {
      const marks = diagnostics.flatMap(({ category, code, message, source }) => {
        const from = source && offsetOf(view.state.doc, source);
        if (from === null) return [];
        const { length = 1 } = /^[\w$.]+/.exec(view.state.sliceDoc(from, from + 80))?.[0] ?? {};
        const to = Math.min(view.state.doc.length, from + length);
        return [{ from, to, severity: category, message: `${code}: ${message}` }];
      });
      // The first marks make the editor set itself up anew, which takes long.
      if (marks.length > 0 || diagnosticCount(view.state) > 0)
        view.dispatch(setDiagnostics(view.state, marks));
    },
    goTo(source) {
      const anchor = offsetOf(view.state.doc, source);
      if (anchor === null) return;
      view.dispatch({ selection: { anchor }, scrollIntoView: true });
      view.focus();
    },
  };
}

function offsetOf(doc, { line, column }) {
  if (line < 1 || line > doc.lines) return null;
  const { from, to } = doc.line(line);
  return Math.min(to, from + column - 1);
}

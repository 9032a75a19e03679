import { themeStyles } from './theme.ts';

/** The style sheet of the page; its colours are those of theme.ts. */
export const styles = (): string => `${themeStyles()}
.btc-view { background: var(--bv-background); color: var(--bv-text); font: 14px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; min-height: 100%; overflow-x: clip; container-type: inline-size; scrollbar-color: var(--bv-muted) transparent; }
.btc-view *, .btc-view *::before { box-sizing: border-box; }
.btc-view h1, .btc-view h2, .btc-view h3 { margin: 0; line-height: 1.25; }
.btc-view h1 { font-size: 20px; }
.btc-view h2 { font-size: 15px; }
.btc-view h3 { font-size: 13px; margin-top: 12px; }
.btc-view p { margin: 4px 0; }
.btc-view ul { margin: 4px 0; padding: 0; list-style: none; }
.btc-view a { color: var(--bv-accent); }
.btc-view button, .btc-view input, .btc-view select { font: inherit; color: inherit; background: var(--bv-surface); border: 1px solid var(--bv-line); border-radius: 6px; padding: 4px 9px; min-height: 32px; }
.btc-view button { cursor: pointer; }
.btc-view button:hover { border-color: var(--bv-accent); }
.btc-view button[aria-pressed="true"], .btc-view button[aria-selected="true"] { border-color: var(--bv-accent); color: var(--bv-accent); }
.btc-view :focus-visible { outline: 2px solid var(--bv-accent); outline-offset: 1px; }
.btc-view .bv-link { border: 0; background: none; padding: 1px 0; min-height: 0; color: var(--bv-accent); text-align: left; overflow-wrap: anywhere; }
.btc-view .bv-link:hover { text-decoration: underline; }
.bv-head { padding: 14px 18px 8px; }
.bv-head p { max-width: 78ch; }
.bv-toolbar { position: sticky; top: 0; z-index: 3; display: flex; flex-wrap: wrap; gap: 6px 8px; align-items: center; padding: 6px 18px; background: var(--bv-background); border-bottom: 1px solid var(--bv-line); }
.bv-toolbar .bv-space { flex: 1; }
.bv-group { display: flex; gap: 4px; align-items: center; }
.bv-body { display: grid; grid-template-columns: minmax(0, 1fr) 340px; gap: 12px; padding: 12px 18px; align-items: start; }
.bv-axis, .bv-side { display: grid; gap: 12px; min-width: 0; }
.bv-side { position: sticky; top: 56px; max-height: calc(100vh - 68px); overflow: auto; }
.bv-side[data-first="step"] #bv-step, .bv-side[data-first="tensor"] #bv-tensor { order: -1; }
.bv-below { display: grid; gap: 12px; padding: 0 18px 18px; min-width: 0; }
.bv-panel { background: var(--bv-surface); border: 1px solid var(--bv-line); border-radius: 8px; padding: 10px 12px; min-width: 0; overflow-wrap: anywhere; }
.bv-panel, .bv-panel button, .bv-canvas { scroll-margin-top: 56px; }
.bv-panel[hidden] { display: none; }
.bv-legend, .bv-readout, .bv-muted { color: var(--bv-muted); font-size: 12.5px; }
.bv-readout { min-height: 1.45em; font-variant-numeric: tabular-nums; }
/* What follows the pointer has a size and a layer of its own, so that nothing else is laid out and painted with it. */
#bv-live .bv-readout, #bv-steps .bv-readout { contain: strict; height: 2.9em; overflow: auto; will-change: transform; }
.bv-surface { position: relative; width: 100%; contain: layout; }
.bv-marks, .bv-over { position: absolute; top: 0; left: 0; pointer-events: none; }
.bv-marks { width: 100%; }
.bv-over { contain: strict; will-change: transform; }
.bv-over[hidden] { display: none; }
.bv-over-step { width: 1px; height: 100%; transform-origin: 0 0; background: var(--bv-accent); opacity: 0.28; }
.bv-over-frame { border: 2px solid var(--bv-text); }
.bv-canvas { display: block; width: 100%; touch-action: pan-y; cursor: crosshair; border-radius: 4px; }
.bv-tip { position: absolute; z-index: 4; top: 0; left: 0; width: max-content; max-width: min(300px, calc(50cqw - 24px)); will-change: transform; padding: 6px 9px; pointer-events: none; background: var(--bv-surface); border: 1px solid var(--bv-line); border-radius: 6px; box-shadow: 0 2px 10px #0003; font-size: 12.5px; overflow-wrap: anywhere; }
.bv-tip[hidden] { display: none; }
.bv-swatch.bv-line { height: 2px; }
.bv-title { display: flex; gap: 4px; align-items: flex-start; }
.bv-name { flex: 1; font-size: 14px; }
.btc-view .bv-close { min-height: 24px; padding: 0 8px; }
.bv-verdict { color: var(--bv-accent); }
.bv-lines li { padding-left: 12px; text-indent: -12px; }
.bv-panel li { margin: 1px 0; }
.bv-hints { margin: 4px 0; padding-left: 18px; }
.bv-hints li { margin: 6px 0; }
.bv-facts { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 2px 12px; margin: 6px 0; }
.bv-facts dt { color: var(--bv-muted); }
.bv-facts dd { margin: 0; }
.bv-find { position: relative; flex: 0 1 320px; min-width: 160px; }
.btc-view .bv-search { width: 100%; }
.bv-found { position: absolute; z-index: 5; top: 100%; left: 0; width: max(100%, 300px); max-width: 92vw; max-height: 60vh; overflow: auto; background: var(--bv-surface); border: 1px solid var(--bv-line); border-radius: 6px; box-shadow: 0 4px 16px #0003; }
.bv-found[hidden] { display: none; }
.bv-found li { padding: 4px 9px; cursor: pointer; overflow-wrap: anywhere; }
.bv-found li[aria-selected="true"], .bv-found [role="option"]:hover { background: var(--bv-background); color: var(--bv-accent); }
.bv-help { max-width: 560px; color: var(--bv-text); background: var(--bv-surface); border: 1px solid var(--bv-line); border-radius: 10px; }
.bv-help::backdrop { background: #0008; }
.bv-tiles { display: flex; flex-wrap: wrap; gap: 8px; margin: 10px 0 6px; padding: 0; }
.bv-tiles div { background: var(--bv-surface); border: 1px solid var(--bv-line); border-radius: 8px; padding: 6px 12px; min-width: 118px; }
.bv-tiles dt { color: var(--bv-muted); font-size: 12px; }
.bv-tiles dd { margin: 0; font-size: 17px; font-weight: 600; font-variant-numeric: tabular-nums; }
.bv-tiles dd + dd { font-size: 12px; font-weight: 400; color: var(--bv-muted); }
.btc-view .bv-notes:empty { display: none; }
.btc-view .bv-notes { margin: 8px 0; padding: 6px 10px; border-left: 3px solid var(--bv-budget); }
.bv-key { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 12.5px; }
.bv-key li { display: flex; align-items: center; gap: 5px; }
.bv-swatch { width: 11px; height: 11px; border-radius: 2px; flex: none; }
.bv-problem { margin: 18px; padding: 12px 14px; border: 1px solid var(--bv-budget); border-radius: 8px; background: var(--bv-surface); overflow-wrap: anywhere; }
.bv-live, .bv-waiting { color: var(--bv-muted); font: 12.5px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.bv-head .bv-live { max-width: none; margin-top: 8px; padding: 8px 10px; border: 1px solid var(--bv-line); border-left: 3px solid var(--bv-budget); border-radius: 6px; background: var(--bv-surface); }
.bv-scroll { overflow-x: auto; max-width: 100%; }
.bv-table { border-collapse: collapse; width: 100%; font-size: 13px; overflow-wrap: normal; }
.bv-table .bv-link { overflow-wrap: normal; }
.bv-table th, .bv-table td { padding: 3px 8px; text-align: left; border-bottom: 1px solid var(--bv-line); vertical-align: top; }
.bv-table thead th { color: var(--bv-muted); font-weight: 600; white-space: nowrap; }
.bv-table tbody th { font-weight: 400; color: var(--bv-muted); }
.bv-table .bv-number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bv-table .bv-number .bv-link { text-align: right; }
.bv-table th[aria-sort="descending"] button::after { content: " ↓"; }
.bv-table th[aria-sort="ascending"] button::after { content: " ↑"; }
.bv-table .bv-code { min-width: 180px; }
#bv-kernels td { white-space: nowrap; }
.bv-table.bv-figures, .bv-table.bv-changed { width: auto; }
.bv-figures tbody th, .bv-changed td { white-space: nowrap; }
.bv-table.bv-figures thead th, .bv-table.bv-changed thead th { white-space: normal; }
.btc-view select { max-width: 100%; }
.bv-code, .bv-source { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size: 12.5px; }
.bv-bar { display: block; height: 3px; margin: 1px 0 0 auto; background: var(--bv-accent); border-radius: 2px; }
.bv-selected { background: color-mix(in srgb, var(--bv-accent) 16%, transparent); }
.bv-source { position: relative; margin-top: 8px; max-height: 460px; overflow: auto; border: 1px solid var(--bv-line); border-radius: 6px; padding: 4px 0; }
.btc-view .bv-code-line { display: flex; width: max-content; min-width: 100%; gap: 5px; align-items: center; min-height: 0; padding: 0 8px; border: 0; border-radius: 0; background: none; text-align: left; font: inherit; line-height: 1.55; }
.btc-view button.bv-code-line:hover { background: color-mix(in srgb, var(--bv-accent) 10%, transparent); }
.btc-view .bv-code-line.bv-selected { background: color-mix(in srgb, var(--bv-accent) 20%, transparent); }
.btc-view .bv-code-line.bv-chosen { outline: 1px solid var(--bv-accent); outline-offset: -1px; }
.bv-heat-box { flex: none; width: 40px; height: 9px; }
.bv-warm { background: var(--bv-background); }
.bv-heat { display: block; height: 100%; }
.bv-heat-bytes { background: var(--bv-budget); }
.bv-heat-time { background: var(--bv-accent); }
.bv-line-number { flex: none; width: 4ch; text-align: right; color: var(--bv-muted); }
.bv-line-text { white-space: pre; }
.bv-tree text, .bv-graph text { font: 11.5px ui-monospace, SFMono-Regular, Menlo, monospace; fill: var(--bv-text); }
.bv-tree .bv-cost { fill: var(--bv-muted); }
.bv-leaf, .bv-graph text { text-anchor: middle; }
.bv-edge { fill: none; stroke: var(--bv-muted); stroke-width: 1; opacity: 0.6; }
.bv-updated { stroke: var(--bv-accent); stroke-width: 3; }
.bv-operand { fill: var(--bv-muted); }
.bv-step-node { fill: var(--bv-accent); }
.bv-box { cursor: pointer; }
.bv-box rect { fill: var(--bv-background); stroke: var(--bv-line); }
.bv-box:hover rect, .bv-box:focus-visible rect { stroke: var(--bv-accent); }
.bv-box.bv-own rect { stroke: var(--bv-accent); stroke-width: 2; }
@container (max-width: 900px) {
  .bv-table th, .bv-table td { padding: 3px 5px; }
  .bv-figures tbody th, .bv-changed td { white-space: normal; }
  .bv-table.bv-changed .bv-code { min-width: 130px; }
  .bv-table.bv-changed .bv-link { overflow-wrap: anywhere; }
  .bv-body { grid-template-columns: minmax(0, 1fr); padding: 10px; }
  .bv-side { position: sticky; top: auto; bottom: 0; max-height: 45vh; z-index: 2; }
  .bv-side .bv-panel { box-shadow: 0 -2px 14px #0004; }
  #bv-hint { display: none; }
  .bv-toolbar { position: static; }
  #bv-live .bv-readout { height: 5.8em; }
  #bv-steps .bv-readout { height: 4.35em; }
  .bv-find { flex: 1 1 100%; order: 1; }
  .bv-below { padding: 0 10px 10px; }
  .bv-head, .bv-toolbar { padding-left: 10px; padding-right: 10px; }
}
`;

// Elements are made here alone, from plain data: texts become text nodes, so that no name of a plan is ever markup.

type Child = Node | string | null | false;

/** An attribute that is absent where it is null or false; a listener where it is a function. */
type Attribute = string | number | boolean | null | ((event: never) => void);

/** An element with attributes, listeners (`onclick`) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    if (typeof value === 'function')
      element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(
    ...children.filter((child): child is Node | string => child !== null && child !== false),
  );
  return element;
}

/** Replaces what an element holds. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(
    ...children.filter((child): child is Node | string => child !== null && child !== false),
  );
}

/** A button that says what it does. */
export function button(
  text: string,
  label: string,
  onclick: () => void,
  more: Readonly<Record<string, Attribute>> = {},
): HTMLButtonElement {
  return h('button', { type: 'button', 'aria-label': label, title: label, onclick, ...more }, text);
}

/** The button below a list that is cut: what it brings is the caller's. */
export function moreButton(rest: number, onclick: () => void): HTMLButtonElement {
  return h('button', { type: 'button', class: 'bv-link', onclick }, `and ${rest} more`);
}

// Drawings of few elements: each can be clicked, focused and read aloud.

type Child = Node | string | null;

/** An SVG element with attributes, listeners (`onclick`) and children. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | null | ((event: never) => void)>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) continue;
    if (typeof value === 'function')
      element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null));
  return element;
}

/** Attributes of what can be pressed, by pointer and by keys. */
export function pressable(label: string, press: () => void) {
  return {
    ...{ role: 'button', tabindex: 0, 'aria-label': label, onclick: press },
    onkeydown: (event: KeyboardEvent) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      press();
    },
  };
}

/** A text of at most so many letters: the begin of it, or the end, where a name says most. */
export function clipped(text: string, most: number, kept: 'begin' | 'end' = 'begin'): string {
  if (text.length <= most) return text;
  return kept === 'begin'
    ? `${text.slice(0, most - 1)}…`
    : `…${text.slice(text.length - most + 1)}`;
}

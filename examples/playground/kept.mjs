// What a person wrote, kept in this tab for the entry of its history: it is there again after a reload, back or forward. A link that is
// followed anew is another entry, and shows its own model.

const PREFIX = 'btc-playground ';

/** Keeps a model and its options; where the browser keeps nothing, nothing. */
export function keep(kept) {
  try {
    if (!history.state?.keptAs) history.replaceState({ keptAs: String(Math.random()) }, '');
    sessionStorage.setItem(PREFIX + history.state.keptAs, JSON.stringify(kept));
  } catch {
    // No room, or not allowed: the page works without.
  }
}

/** What was kept for the entry that is open; null for nothing. */
export function keptHere() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PREFIX + history.state?.keptAs));
    return typeof kept?.source === 'string' ? kept : null;
  } catch {
    return null;
  }
}

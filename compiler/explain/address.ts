/** The command that prints the page of a message: the address that needs no network. */
export const EXPLAIN = 'btc explain';

/** Where the page of a message is on the site, below its base. */
export const pagePath = (number: number) => `e/${number}`;

/** The short address of a message's page: `btc explain 2003` of BTC2003; null for messages that are not btc's. */
export function addressOf(code: string): string | null {
  const number = /^BTC(\d+)$/.exec(code)?.[1];
  return number === undefined ? null : `${EXPLAIN} ${number}`;
}

import fc from 'fast-check';

// The default run draws the same random cases each time, so that it says something about a change and not about a draw.
// `npm run soak` draws others, many more of them.
if (process.env.BTC_SOAK === undefined) fc.configureGlobal({ seed: 20_261_128 });

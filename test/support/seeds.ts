import fc from 'fast-check';
import { soaked } from './soak.ts';

// The default run draws the same random cases each time, so that it says something about a change and not about a draw.
// `npm run soak` draws others, many more of them, also where a test leaves the number of runs to fast-check.
if (process.env.BTC_SOAK === undefined) fc.configureGlobal({ seed: 20_261_128 });
else fc.configureGlobal(soaked(100));

/** Builds the console's page into dist/console: what `npm start` does by itself, and `npm run build` with all the rest. */
import { buildConsole } from './lib/console.mjs';
import { runMain } from './lib/run.mjs';

await runMain(buildConsole);

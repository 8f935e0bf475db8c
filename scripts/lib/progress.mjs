/** How often a line tells that the work goes on, where the terminal cannot rewrite one. */
const PLAIN_INTERVAL_MS = 5_000;

/**
 * Runs `work` and tells on standard error what goes on, how long it has taken so far, and that it is done.
 * Standard output stays clean: it belongs to the command that asked.
 *
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withProgress(what, work) {
  const start = Date.now();
  const seconds = () => `${Math.round((Date.now() - start) / 1000)} s`;
  const terminal = process.stderr.isTTY;
  const line = terminal
    ? (/** @type {string} */ text) => process.stderr.write(`\r\u001b[K${text}`)
    : (/** @type {string} */ text) => process.stderr.write(`${text}\n`);
  line(`${what} …`);
  const timer = setInterval(() => line(`${what} … ${seconds()}`), terminal ? 1_000 : PLAIN_INTERVAL_MS);
  let outcome = 'failed';
  try {
    const result = await work();
    outcome = 'done';
    return result;
  } finally {
    clearInterval(timer);
    line(`${what} … ${outcome} in ${seconds()}`);
    if (terminal) process.stderr.write('\n');
  }
}

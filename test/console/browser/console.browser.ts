/**
 * What a person does with the console, in a real Chromium, before a real service that a real Envoy asks. Waits are for what
 * comes up on the page; a page that broke its own policy, failed, or asked anybody else fails the test that it was in.
 */
import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import { accessibilityTests } from './accessibility.ts';
import { attackTests } from './attacks.ts';
import { startBrowser } from './browser.ts';
import type { ConsoleBrowser } from './browser.ts';
import { denialTests } from './denials.ts';
import { graphTests } from './graph.ts';
import { keyboardTests } from './keyboard.ts';
import { looksTests } from './looks.ts';
import { overviewTests } from './overview.ts';
import { policiesTests } from './policies.ts';
import { PageKeeper } from './page-keeper.ts';
import { tokenTests } from './token.ts';
import { troubleTests } from './trouble.ts';
import { startConsoleWorld } from './world.ts';
import type { ConsoleWorld } from './world.ts';

const START_TIMEOUT_MS = 120_000;

let browser: ConsoleBrowser;
let world: ConsoleWorld;
const pages = new PageKeeper(() => browser);

beforeAll(async () => {
  browser = await startBrowser();
  world = await startConsoleWorld();
}, START_TIMEOUT_MS);

afterEach(() => pages.closeAll());

afterAll(async () => {
  await browser.close();
  await world.stop();
}, START_TIMEOUT_MS);

const given = { world: () => world, pages };

describe('the overview', () => {
  overviewTests(given);
});
describe('a denied request', () => {
  denialTests(given);
});
describe('policies', () => {
  policiesTests(given);
});
describe('the graph', () => {
  graphTests(given);
});
describe('the keyboard alone', () => {
  keyboardTests(given);
});
describe('what others write', () => {
  attackTests(given);
});
describe('how it looks', () => {
  looksTests(given);
});
describe('accessibility', () => {
  accessibilityTests(given);
});
describe('a service with a token', () => {
  tokenTests(given);
});
// Last: these break the service, and mend it.
describe('trouble', () => {
  troubleTests(given);
});

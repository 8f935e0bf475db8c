/** Pages of a real Chromium, each of which remembers what a page of this kind must not do. */
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';

export interface PageOptions {
  /** Default 1280 × 860. */
  readonly width?: number;
  readonly height?: number;
  /** Default light. */
  readonly colorScheme?: 'light' | 'dark';
  /** Its touches are a finger's. */
  readonly isPhone?: boolean;
}

export interface OpenPage {
  readonly page: Page;
  /** What went wrong in it so far: violations of its policy, errors, requests to others. */
  faults(): readonly string[];
  /** Forgets what went wrong so far. */
  forgive(): void;
  close(): Promise<void>;
}

export interface ConsoleBrowser {
  /** `address`: of a page of the console, whole. */
  open(address: string, options?: PageOptions): Promise<OpenPage>;
  close(): Promise<void>;
}

/** Chromium prints these for answers that the page expects and handles itself. */
const EXPECTED = /^Failed to load resource: (the server responded with a status of|net::ERR_)/;

export async function startBrowser(): Promise<ConsoleBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath: process.env['CHROMIUM_BINARY'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  return {
    async open(address, options = {}) {
      const { width = 1280, height = 860, colorScheme = 'light', isPhone = false } = options;
      const context: BrowserContext = await browser.newContext({
        viewport: { width, height },
        colorScheme,
        hasTouch: isPhone,
        isMobile: isPhone,
        // Pictures show the same whatever the machine is set to.
        locale: 'en-GB',
        timezoneId: 'UTC',
        reducedMotion: 'reduce',
      });
      const faults: string[] = [];
      const page = await context.newPage();
      const { origin } = new URL(address);
      page.on('console', (message) => {
        if (message.type() === 'error' && !EXPECTED.test(message.text())) faults.push(`console: ${message.text()}`);
      });
      page.on('pageerror', (error) => faults.push(`error: ${String(error)}`));
      page.on('dialog', (dialog) => {
        faults.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('request', (request) => {
        const url = new URL(request.url());
        if (url.origin !== origin) faults.push(`asked another server: ${request.url()}`);
        if (/token|authorization/i.test(url.search)) faults.push(`a token in an address: ${request.url()}`);
      });
      page.on('requestfinished', (request) => {
        if (request.isNavigationRequest() && new URL(request.url()).origin !== origin)
          faults.push(`went to ${request.url()}`);
      });
      await page.goto(address);
      return { page, faults: () => [...faults], forgive: () => faults.splice(0), close: () => context.close() };
    },
    close: () => browser.close(),
  };
}

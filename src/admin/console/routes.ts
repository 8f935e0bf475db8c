/**
 * The console's page and its files. They hold nothing of this service, so they are given to whoever reaches the port; the page
 * asks the API for all it shows, and for a token when the API wants one.
 */
import { textResponse } from '../route.ts';
import type { AdminResponse, Route, RouteTable } from '../route.ts';
import { readBuiltFiles } from './built-files.ts';
import type { BuiltFile } from './built-files.ts';

/**
 * The page is made of its own files and talks to its own server; nothing written into it can run, be it a script, a style or a
 * form that leads elsewhere. `trusted-types` takes the last ways from text to markup away.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
} as const;

const ONE_YEAR = 'public, max-age=31536000, immutable';

const NOT_BUILT =
  'The console is not built. Run `npm run build:console` in the checkout of Portcullis, and start the service again.';

/** As they were built. A build that is broken is one that is missing: the service does all else without it. */
export function builtConsoleRoutes(onError: (error: unknown) => void): RouteTable {
  try {
    return consoleRoutes(readBuiltFiles());
  } catch (error) {
    onError(error);
    return consoleRoutes(null);
  }
}

/** `files`: null when they were not built. */
export function consoleRoutes(files: readonly BuiltFile[] | null): RouteTable {
  const page = files?.find(({ path }) => path === 'index.html') ?? null;
  return new Map<string, Route>([
    // Relative, for a proxy that puts a path of its own in front.
    ['/', open(() => redirect('console/'))],
    ['/console', open(() => redirect('console/'))],
    ['/console/', open(() => (page === null ? textResponse(503, NOT_BUILT) : fileResponse(page)))],
    ...(files ?? []).map((file): [string, Route] => [`/console/${file.path}`, open(() => fileResponse(file))]),
  ]);
}

function open(get: () => AdminResponse): Route {
  return { get, open: true };
}

function redirect(location: string): AdminResponse {
  return { ...textResponse(302, location), headers: { location } };
}

function fileResponse({ contentType, body, isImmutable }: BuiltFile): AdminResponse {
  return {
    status: 200,
    contentType,
    body,
    headers: { ...HEADERS, 'cache-control': isImmutable ? ONE_YEAR : 'no-cache' },
  };
}

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readBuiltFiles } from '../../src/admin/console/built-files.ts';
import { consoleRoutes } from '../../src/admin/console/routes.ts';
import { startHttpServer } from '../../src/admin/http-server.ts';
import type { HttpServer } from '../../src/admin/http-server.ts';

let folder: string;
let server: HttpServer | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'console-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Portcullis</title>');
  await writeFile(join(folder, '.sources'), 'none of the console');
  await writeFile(join(folder, 'assets', 'index-abc.js'), 'export {};');
  await writeFile(join(folder, 'assets', 'index-abc.css'), 'body{}');
  await writeFile(join(folder, 'assets', 'icon-abc.svg'), '<svg/>');
});

afterEach(async () => {
  await server?.close();
  server = null;
  await rm(folder, { recursive: true, force: true });
});

async function serve(): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const errors: unknown[] = [];
  server = await startHttpServer({
    address: '127.0.0.1:0',
    routes: consoleRoutes(readBuiltFiles(folder)),
    loopbackHostOnly: true,
    onError: (error) => errors.push(error),
  });
  return (path, init) => fetch(`http://${server!.address}${path}`, { redirect: 'manual', ...init });
}

describe('the files of the console', () => {
  it('are given as what they are, kept for ever where their name tells what is in them', async () => {
    const get = await serve();
    const seen = new Map<string, readonly (string | null)[]>();
    for (const path of ['', 'assets/index-abc.js', 'assets/index-abc.css', 'assets/icon-abc.svg']) {
      const response = await get(`/console/${path}`);
      const { status, headers } = response;
      seen.set(path, [String(status), headers.get('content-type'), headers.get('cache-control')]);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
    const kept = 'public, max-age=31536000, immutable';
    expect(Object.fromEntries(seen)).toEqual({
      '': ['200', 'text/html; charset=utf-8', 'no-cache'],
      'assets/index-abc.js': ['200', 'text/javascript; charset=utf-8', kept],
      'assets/index-abc.css': ['200', 'text/css; charset=utf-8', kept],
      'assets/icon-abc.svg': ['200', 'image/svg+xml', kept],
    });
  });

  it('come with a policy that lets nothing else in', async () => {
    const get = await serve();
    const policy = (await get('/console/')).headers.get('content-security-policy')!;
    const sources = policy.split('; ').filter((part) => !/^(trusted-types|require-)/.test(part));
    expect(sources.map((part) => part.split(' ')[1])).toEqual(
      sources.map((part) => (part.includes("'self'") ? "'self'" : "'none'")),
    );
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|data:|https?:/);
  });

  it('are found from `/` and from `/console`, by HEAD too', async () => {
    const get = await serve();
    for (const path of ['/', '/console']) {
      const response = await get(path);
      expect([response.status, response.headers.get('location')]).toEqual([302, 'console/']);
    }
    const head = await get('/console/', { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([200, '', '40']);
  });

  it.each([
    '/console/assets/',
    '/console/.sources',
    '/console/assets/../index.html',
    '/console/%2e%2e/x',
    '/console/index.js',
  ])('are no way to others: %s', async (path) => {
    const get = await serve();
    // fetch takes dots out by itself: what is asked for then is a page of its own.
    expect([200, 404]).toContain((await get(path)).status);
    expect(await (await get(path)).text()).not.toContain('none of the console');
  });

  it('take no POST', async () => {
    const get = await serve();
    expect((await get('/console/', { method: 'POST', body: 'x' })).status).toBe(405);
  });

  it('are missed in plain words when they were not built', async () => {
    await rm(join(folder, 'index.html'));
    expect(readBuiltFiles(folder)).toBeNull();
    expect(readBuiltFiles(join(folder, 'not there'))).toBeNull();
    await rm(join(folder, 'assets'), { recursive: true });
    const get = await serve();
    const response = await get('/console/');
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('npm run build:console')]);
  });

  it('are refused when they are something else', async () => {
    await writeFile(join(folder, 'assets', 'notes.txt'), 'x');
    expect(() => readBuiltFiles(folder)).toThrow('`assets/notes.txt`, which is no file of the console');
    await rm(join(folder, 'assets', 'notes.txt'));
    await writeFile(join(folder, 'assets', 'large.js'), Buffer.alloc(9 * 1024 * 1024));
    expect(() => readBuiltFiles(folder)).toThrow('more than 8388608 bytes');
    await rm(join(folder, 'assets', 'large.js'));
    await Promise.all(Array.from({ length: 65 }, (_, at) => writeFile(join(folder, 'assets', `${at}.js`), '')));
    expect(() => readBuiltFiles(folder)).toThrow('that is not the console');
  });
});

import { join } from 'node:path';
import { defineConfig } from 'vite';

/** Where `npx vite` asks for what the API says: a service that runs on this machine. */
const SERVICE = process.env['PORTCULLIS_ADMIN_URL'] ?? 'http://127.0.0.1:9192';

export default defineConfig({
  root: join(import.meta.dirname, 'src', 'console'),
  // Relative: the page may stand behind a proxy that puts a path of its own in front.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(import.meta.dirname, 'dist', 'console'),
    emptyOutDir: true,
    target: 'es2023',
    // Everything is a file of its own: the page's policy allows no data in addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { host: '127.0.0.1', proxy: { '/api/v1': SERVICE } },
});

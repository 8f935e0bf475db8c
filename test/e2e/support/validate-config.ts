import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { envoyPath } from '../../../scripts/install-envoy.mjs';
import { startChild } from './child-process.ts';
import type { Json } from './recommended-config.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** What the real Envoy says against a configuration (`--mode validate`, which opens no port); null: nothing. */
export async function complaintAbout(config: Json): Promise<string | null> {
  const directory = await temporaryDirectory();
  try {
    const file = join(directory.path, 'envoy.json');
    await writeFile(file, JSON.stringify(config));
    const envoy = startChild({
      name: 'envoy',
      command: await envoyPath(),
      args: ['--mode', 'validate', '-c', file, '--log-level', 'warning'],
    });
    const { code } = await envoy.exited;
    return code === 0 ? null : envoy.output();
  } finally {
    await directory.remove();
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A socket file as a process leaves it that was killed: nobody listens, and nobody removed it. */
export async function leaveStaleSocket(path: string): Promise<void> {
  const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', program], { stdio: 'ignore' }), 'exit');
}

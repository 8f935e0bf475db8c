/** A process that always has some hostile connections open, each with the next of the attacks. */
import { message } from '../lib/message.ts';
import { random } from '../lib/random.ts';
import { askOf } from '../reload/policies.ts';
import { ATTACKS } from './attacks.ts';

export interface HostileTask {
  readonly port: number;
  readonly services: number;
  readonly seed: number;
  readonly connections: number;
}

export type ToHostile = { readonly ask: 'start'; readonly task: HostileTask } | { readonly ask: 'stop' };

/** Of each attack, how often it ended in which way. */
export type HostileReport = Readonly<Record<string, Readonly<Record<string, number>>>>;

const ERRORS = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED'],
  ...['FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM'],
];

const ends: Record<string, Record<string, number>> = {};
let running = true;

async function attackAgainAndAgain({ port, services, seed }: HostileTask, first: number): Promise<void> {
  const drawn = random(seed + first);
  const ask = message(askOf('both', services, drawn));
  const attacks = Object.entries(ATTACKS);
  for (let n = first; running; n++) {
    const [name, attack] = attacks[n % attacks.length]!;
    let end: string;
    try {
      const client = await attack(`127.0.0.1:${port}`, ask.next(drawn));
      const code = client.goaway();
      end = code === null ? (client.closed ? 'closed' : 'left by itself') : (ERRORS[code] ?? String(code));
      client.destroy();
    } catch (error) {
      end = error instanceof Error ? error.message : String(error);
      // Nobody listens: not again at once.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const of = (ends[name] ??= {});
    of[end] = (of[end] ?? 0) + 1;
  }
}

process.on('message', (told: ToHostile) => {
  if (told.ask === 'start') {
    const { connections } = told.task;
    const apart = Math.ceil(Object.keys(ATTACKS).length / connections);
    for (let n = 0; n < connections; n++) void attackAgainAndAgain(told.task, n * apart);
    return;
  }
  running = false;
  process.send!(ends satisfies HostileReport, () => process.exit(0));
});

// However the soak went, nothing that it started stays.
process.on('disconnect', () => process.exit(1));

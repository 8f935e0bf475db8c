/** The generated parts of docs/, by the name that their markers have. */
import { doctorCodes, policyCodes, reasons } from './tables/codes.ts';
import { commands } from './tables/commands.ts';
import { configuration, environment } from './tables/configuration.ts';
import { decisionLog } from './tables/decision-log.ts';
import { endpoints } from './tables/endpoints.ts';
import { metrics } from './tables/metrics.ts';

export async function tables(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['commands', await commands()],
    ['configuration', configuration()],
    ['decision-log', decisionLog()],
    ['doctor-codes', doctorCodes()],
    ['endpoints', endpoints()],
    ['environment', environment()],
    ['metrics', metrics()],
    ['policy-codes', policyCodes()],
    ['reasons', reasons()],
  ]);
}

/** A service that is one process: it accepts its connections, and serves them. */
import { runStepsInSlices } from '../lib/steps.ts';
import type { Ask, Question, QuestionOf } from '../admin/observe/questions.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { WorkersState } from '../telemetry/metrics.ts';
import { RuleHitLedger } from '../telemetry/rule-hits.ts';
import { openFrontDoor } from '../transport/front-door.ts';
import type { FrontDoor } from '../transport/front-door.ts';
import type { TransportLog } from '../transport/transport.ts';
import { isIn } from './counted-rules.ts';
import type { DataPlane, DataPlaneReading } from './data-plane.ts';
import { ServingProcess } from './serving-process.ts';
import type { ServingOptions } from './serving-process.ts';

export class SingleProcess implements DataPlane {
  readonly #door: FrontDoor;
  readonly #serving: ServingProcess;
  readonly ruleHits = new RuleHitLedger();

  private constructor(door: FrontDoor, serving: ServingProcess) {
    this.#door = door;
    this.#serving = serving;
  }

  /** @throws {@link ListenError} when the address or the certificates are not usable */
  static async open(options: ServingOptions): Promise<SingleProcess> {
    const { config, log } = options;
    const doorLog: TransportLog = (level, message, fields) => log[level](fields, message);
    const serving = await ServingProcess.open(options);
    try {
      const door = await openFrontDoor({ address: config.listen }, doorLog, (socket) => serving.adopt(socket));
      return new SingleProcess(door, serving);
    } catch (cause) {
      await serving.drain(0);
      throw cause;
    }
  }

  get workers(): WorkersState {
    return { serving: 1, replaced: 0 };
  }

  get address(): string {
    return this.#door.address;
  }

  take(snapshot: PolicySnapshot): Promise<void> {
    this.#serving.use(snapshot);
    this.#countRules();
    return runStepsInSlices(this.ruleHits.keep(isIn(snapshot)));
  }

  read(): Promise<DataPlaneReading> {
    this.#countRules();
    const { metrics, ...rest } = this.#serving.read();
    return Promise.resolve({ ...rest, metrics: { ...metrics, rules: this.ruleHits.read() } });
  }

  #countRules(): void {
    this.ruleHits.add(this.#serving.takeRuleHits());
  }

  readonly ask: Ask = async <Kind extends Question['kind']>(question: QuestionOf<Kind>) => {
    return { asked: 1, answers: [await this.#serving.answer<Kind>(question)] };
  };

  async drain(timeoutMs: number): Promise<void> {
    this.#door.close();
    await this.#serving.drain(timeoutMs);
  }
}

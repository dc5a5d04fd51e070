/** Average the probabilities of each person in time, and choose the emotion to report: `video/tracking/smoothing.py`. */

interface Sums {
  time: number;
  total: number[];
  weight: number;
}

/** Average distributions per person over what came before, and report an emotion until another is likelier. */
export class Smoother {
  private sums = new Map<number, Sums>();
  private reported = new Map<number, number>();

  /**
   * @param seconds time constant of the exponential average: a value of that age has the weight 1/e. 0: no average.
   * @param margin probability by which another emotion must be likelier than the reported one.
   */
  constructor(
    private readonly seconds = 0.2,
    private readonly margin = 0.1,
  ) {}

  /** Return a person's average up to this time, in seconds, which must not decrease. */
  average(time: number, person: number, values: readonly number[]): number[] {
    if (!this.seconds) return [...values];
    const before = this.sums.get(person);
    const kept = before ? Math.exp((before.time - time) / this.seconds) : 0;
    const total = values.map((value, k) => value + (before ? kept * before.total[k] : 0));
    const weight = 1 + (before ? kept * before.weight : 0);
    this.sums.set(person, { time, total, weight });
    return total.map((value) => value / weight);
  }

  /** Return the column of the emotion to report for a person's averaged probabilities. */
  report(person: number, probabilities: readonly number[]): number {
    const best = probabilities.indexOf(Math.max(...probabilities));
    const held = this.reported.get(person) ?? best;
    const column = probabilities[best] <= probabilities[held] + this.margin ? held : best;
    this.reported.set(person, column);
    return column;
  }

  /** Forget all persons but these. */
  keepOnly(persons: ReadonlySet<number>): void {
    for (const map of [this.sums, this.reported]) {
      for (const person of map.keys()) if (!persons.has(person)) map.delete(person);
    }
  }
}

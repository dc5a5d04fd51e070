/** Assign rows to columns so that the sum of the costs is least (the Hungarian method, by shortest paths). */

/**
 * Return the column of each row, or -1 where there are fewer columns than rows.
 *
 * @param costs rows of finite costs, all of the same length.
 */
export function assign(costs: readonly (readonly number[])[]): number[] {
  const rows = costs.length;
  const columns = rows ? costs[0].length : 0;
  if (!rows || !columns) return costs.map(() => -1);
  if (rows > columns) {
    const turned = assign(costs[0].map((_, column) => costs.map((row) => row[column])));
    return costs.map((_, row) => turned.indexOf(row));
  }
  const rowPrice = new Float64Array(rows + 1);
  const columnPrice = new Float64Array(columns + 1);
  const rowOf = new Int32Array(columns + 1); // from 1; 0: free. Column 0 is a helper
  const before = new Int32Array(columns + 1);
  for (let row = 1; row <= rows; row++) {
    const least = new Float64Array(columns + 1).fill(Infinity);
    const used = new Uint8Array(columns + 1);
    let column = 0;
    rowOf[0] = row;
    do {
      used[column] = 1;
      const current = rowOf[column];
      let step = Infinity;
      let next = 0;
      for (let k = 1; k <= columns; k++) {
        if (used[k]) continue;
        const cost = costs[current - 1][k - 1] - rowPrice[current] - columnPrice[k];
        if (cost < least[k]) {
          least[k] = cost;
          before[k] = column;
        }
        if (least[k] < step) {
          step = least[k];
          next = k;
        }
      }
      for (let k = 0; k <= columns; k++) {
        if (used[k]) {
          rowPrice[rowOf[k]] += step;
          columnPrice[k] -= step;
        } else least[k] -= step;
      }
      column = next;
    } while (rowOf[column]);
    for (; column; column = before[column]) rowOf[column] = rowOf[before[column]];
  }
  const result = costs.map(() => -1);
  for (let k = 1; k <= columns; k++) if (rowOf[k]) result[rowOf[k] - 1] = k - 1;
  return result;
}

// What is known of every patient on the page, as the live stream tells it.

import { PRIORITY, inHand, silenced, technical } from "./words.js";

const POINTS = 90;

export const GROUP = { high: 1, medium: 2, technical: 3, hand: 4, watch: 5, off: 6, calm: 7 };

export class Patients {
  constructor() {
    this.tiles = new Map();
    this.trends = new Map();
    this.scores = new Map();
    this.installation = [];
    // Our clock less the server's.
    this.offset = 0;
  }

  // The server's time now.
  now() {
    return Date.now() - this.offset;
  }

  beat(heartbeat) {
    this.offset = Date.now() - Date.parse(heartbeat.time);
  }

  snapshot({ tiles, alerts }) {
    this.tiles.clear();
    this.changes({ tiles, alerts });
  }

  changes({ tiles, departed = [], alerts }) {
    for (const id of departed) [this.tiles, this.trends, this.scores].forEach((map) => map.delete(id));
    for (const tile of tiles) this.take(tile);
    if (alerts) this.installation = alerts;
  }

  take(tile) {
    const id = `${tile.unit}/${tile.patient}`;
    tile.id = id;
    tile.at = Date.parse(tile.time);
    tile.alerts.sort(byUrgency);
    for (const vital of Object.values(tile.vitals)) vital.at = Date.parse(vital.time);
    if (tile.trend) this.trends.set(id, tile.trend);
    this.follow(id, tile);
    this.tiles.set(id, tile);
  }

  // The trend goes on with each value that comes; the score's with each total.
  follow(id, tile) {
    const trend = this.trends.get(id) ?? { until: 0, step_ms: 10000 };
    const step = Math.floor(tile.at / trend.step_ms) * trend.step_ms;
    const behind = trend.until ? Math.min(POINTS, Math.max(0, (step - trend.until) / trend.step_ms)) : 1;
    for (const name of ["heart_rate", "pulse_rate", "oxygen_saturation", "respiratory_rate", "systolic_pressure"]) {
      const value = tile.vitals[name];
      const points = trend[name] ?? (value ? [] : null);
      if (!points) continue;
      for (let i = 0; i < behind; i++) points.push(null);
      points.splice(0, points.length - POINTS);
      const fresh = value && tile.at - value.at < 2 * trend.step_ms && !tile.missing.includes(name);
      if (fresh && points.length) points[points.length - 1] = value.value;
      trend[name] = points;
    }
    trend.until = Math.max(trend.until, step);
    this.trends.set(id, trend);
    const total = tile.scores.news2?.total;
    const known = this.scores.get(id) ?? [];
    if (total !== null && total !== undefined && known.at(-1)?.total !== total) known.push({ at: tile.at, total });
    while (known.length > 1 && known[1].at < tile.at - 3600e3) known.shift();
    this.scores.set(id, known);
  }

  // By how much the score has changed within the hour; none where it is not known.
  scoreChange(id) {
    const known = this.scores.get(id) ?? [];
    return known.length ? known.at(-1).total - known[0].total : null;
  }

  // Which group a patient belongs to, by the highest alert that nobody has answered.
  group(tile) {
    const signalling = tile.alerts.filter((alert) => !inHand(alert) && !silenced(alert) && alert.priority !== "info");
    const top = signalling[0];
    if (top?.priority === "high") return GROUP.high;
    if (top?.priority === "medium" && !technical(top)) return GROUP.medium;
    if (top) return GROUP.technical;
    if (tile.alerts.some(inHand)) return GROUP.hand;
    const score = tile.scores.news2;
    if (score && (score.at_least >= 5 || this.scoreChange(tile.id) >= 2)) return GROUP.watch;
    return tile.alerts.some(silenced) ? GROUP.off : GROUP.calm;
  }
}

// Worst first, then longest waiting. What is in hand comes after what is not.
export function byUrgency(a, b) {
  const quiet = (alert) => (inHand(alert) || silenced(alert) ? 1 : 0);
  return quiet(a) - quiet(b)
    || PRIORITY[b.priority] - PRIORITY[a.priority]
    || (technical(a) ? 1 : 0) - (technical(b) ? 1 : 0)
    || Date.parse(a.onset) - Date.parse(b.onset);
}

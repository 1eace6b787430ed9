// Where each tile stands: by group, stable, and never under a finger.

const DOWN_AFTER = 30_000;
const SORT_EVERY = 5_000;
const HELD_AT_MOST = 10_000;

import { GROUP } from "./patients.js";
import { place } from "./words.js";

const natural = new Intl.Collator("en", { numeric: true });

export class Order {
  constructor(patients) {
    this.patients = patients;
    // By id: the group in which it stands, since when it belongs to another, and when it joined.
    this.places = new Map();
    this.ids = [];
    this.sorted = 0;
    this.heldSince = null;
  }

  // The pointer moves over the grid, a finger is down or the focus is inside: places wait.
  hold(now) {
    this.heldSince ??= now;
  }

  release() {
    this.heldSince = null;
  }

  // Which moves are due; answers the ids in their order, and how many moves wait.
  update(now) {
    let urgent = false;
    let moves = 0;
    for (const id of this.places.keys()) if (!this.patients.tiles.has(id)) this.places.delete(id);
    for (const [id, tile] of this.patients.tiles) {
      const group = this.patients.group(tile);
      const known = this.places.get(id);
      if (!known) {
        this.places.set(id, { group, joined: now, waiting: null });
        moves += 1;
        urgent ||= group === GROUP.high;
      } else if (group === known.group) {
        known.waiting = null;
      } else if (group < known.group || now - (known.waiting ?? now) >= DOWN_AFTER) {
        moves += 1;
        urgent ||= group === GROUP.high;
        known.next = group;
      } else {
        known.waiting ??= now;
      }
    }
    const known = new Set(this.ids);
    const changed = moves > 0 || known.size !== this.patients.tiles.size;
    const held = this.heldSince !== null && now - this.heldSince < HELD_AT_MOST;
    const due = this.ids.length === 0 || urgent || now - this.sorted >= SORT_EVERY;
    if (changed && due && (!held || this.ids.length === 0)) {
      this.sort(now);
      return { ids: this.ids, waiting: 0 };
    }
    return { ids: this.ids, waiting: held ? moves : 0 };
  }

  sort(now) {
    for (const place of this.places.values()) {
      if (place.next === undefined) continue;
      Object.assign(place, { group: place.next, joined: now, waiting: null, next: undefined });
    }
    const tiles = this.patients.tiles;
    const since = (id) => Date.parse(tiles.get(id).alerts[0]?.onset ?? 0);
    this.ids = [...tiles.keys()].sort((a, b) => {
      const [left, right] = [this.places.get(a), this.places.get(b)];
      if (left.group !== right.group) return left.group - right.group;
      if (left.group <= GROUP.technical) {
        return left.joined - right.joined || since(a) - since(b) || natural.compare(a, b);
      }
      return natural.compare(place(tiles.get(a)), place(tiles.get(b))) || natural.compare(a, b);
    });
    this.sorted = now;
  }

  groupOf(id) {
    return this.places.get(id)?.group ?? GROUP.calm;
  }
}

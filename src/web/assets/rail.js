// The list of open alerts, a row a patient, and the counters: patients by their highest alert.

import { GROUP, byUrgency } from "./patients.js";
import { cause, inHand, place, shape, silenced, technical, waited } from "./words.js";

const COUNTERS = [["high", "High"], ["medium", "Medium"], ["technical", "Tech"], ["acknowledged", "In hand"]];

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text ?? "";
  return made;
}

function icon(name) {
  const span = document.createElement("span");
  span.className = "icon";
  span.innerHTML = `<svg aria-hidden="true"><use href="#${name}"/></svg>`;
  return span;
}

export class Rail {
  constructor(list, none, counters, open) {
    Object.assign(this, { list, none, counters, open, shown: "" });
    this.numbers = COUNTERS.map(([name, word]) => {
      const item = element("li", `counter ${name}`);
      const number = element("b", "", "0");
      item.append(icon(name), number, element("span", "", word));
      counters.append(item);
      return number;
    });
  }

  update(patients, order, now) {
    this.count(order);
    const rows = [];
    for (const tile of patients.tiles.values()) {
      const open = tile.alerts.filter((alert) => alert.priority !== "info");
      if (open.length) rows.push({ tile, top: open[0], more: open.length - 1 });
    }
    for (const alert of patients.installation) {
      if (alert.priority !== "info") rows.push({ tile: null, top: alert, more: 0 });
    }
    rows.sort((a, b) => byUrgency(a.top, b.top));
    this.write(rows, now);
    this.none.hidden = rows.length > 0;
    if (rows.length === 0) this.none.textContent = `No open alerts, checked ${new Date().toTimeString().slice(0, 8)}`;
  }

  count(order) {
    const counts = [0, 0, 0, 0];
    for (const { group } of order.places.values()) if (group <= GROUP.hand) counts[group - 1] += 1;
    this.numbers.forEach((number, at) => {
      number.textContent = String(counts[at]);
      number.parentElement.classList.toggle("zero", counts[at] === 0);
    });
  }

  // Rows are made anew only where something other than the waiting time changed.
  write(rows, now) {
    const key = rows.map(({ tile, top, more }) => [tile?.id, top.id, top.sequence, more, tile && place(tile), tile?.label].join("|")).join("\n");
    if (key !== this.shown) {
      this.shown = key;
      this.list.replaceChildren(...rows.map((row) => this.row(row)));
    }
    rows.forEach(({ top }, at) => {
      this.list.children[at].querySelector(".wait").textContent = waited(now - Date.parse(top.onset));
    });
  }

  row({ tile, top, more }) {
    const item = element("li", "alert");
    item.dataset.priority = inHand(top) || silenced(top) ? "quiet" : technical(top) && top.priority !== "high" ? "low" : top.priority;
    const button = element("button", "go");
    button.type = "button";
    const words = element("span", "words");
    const who = tile ? place(tile) : (top.unit ?? "System");
    const title = element("b", "", "");
    title.append(element("span", "bed", who), ` ${cause(top)}`);
    const state = { acknowledged: "acknowledged", "audio-paused": "audio paused", "alert-paused": "alerts paused", "alert-off": "alerts off", "audio-off": "audio off" }[top.signal];
    const notes = [tile?.label ?? tile?.patient, technical(top) ? "technical" : top.priority, more > 0 ? `+${more} more` : "", state ?? (top.priority === "high" ? "nobody yet" : "")];
    words.append(title, element("small", "", notes.filter(Boolean).join(" · ")));
    button.append(icon(shape(top)), words, element("span", "wait"));
    button.title = top.message;
    if (tile) button.addEventListener("click", () => this.open(tile.id));
    else button.disabled = true;
    item.append(button);
    return item;
  }
}

// One patient's tile: made once, then only what changed is written, so that nothing moves.

import { GROUP } from "./patients.js";
import { VITALS, age, ageInFull, cause, inHand, place, shape, silenced, technical, vitalOf, waited, word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const CELLS = [["heart_rate"], ["oxygen_saturation"], ["systolic_pressure", "diastolic_pressure"], ["respiratory_rate"]];
const SPOT = new Set(["systolic_pressure", "temperature"]);
// A continuous value that old looks old even before anybody tells.
const OLD_AFTER = 60_000;

function make(name, className, parent, text) {
  const element = document.createElement(name);
  element.className = className;
  if (text) element.textContent = text;
  parent?.append(element);
  return element;
}

function icon(parent) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  svg.append(use);
  parent.append(svg);
  return use;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function sparkline(parent, className) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("viewBox", "0 0 89 30");
  svg.setAttribute("aria-hidden", "true");
  const [limit, line] = ["path", "path"].map((name) => document.createElementNS(SVG, name));
  limit.setAttribute("class", "limit");
  line.setAttribute("class", "line");
  svg.append(limit, line);
  parent.append(svg);
  return { svg, limit, line };
}

// A gap is a gap: the line is never joined over it.
function draw({ svg, limit, line }, points, at, css) {
  const values = points.filter((value) => value !== null);
  svg.setAttribute("data-vital", css);
  if (values.length < 2) return [line, limit].forEach((path) => path.setAttribute("d", ""));
  const ends = at === null ? values : [...values, at];
  const low = Math.min(...ends) - 1;
  const scale = 28 / Math.max(4, Math.max(...ends) + 1 - low);
  const y = (value) => (29 - (value - low) * scale).toFixed(1);
  const left = 90 - points.length;
  let path = "";
  points.forEach((value, i) => {
    if (value === null) return;
    path += `${i > 0 && points[i - 1] !== null ? "L" : "M"}${left + i} ${y(value)}`;
  });
  line.setAttribute("d", path);
  limit.setAttribute("d", at === null ? "" : `M0 ${y(at)}H89`);
}

export class Tile {
  constructor(id) {
    this.id = id;
    this.item = make("li", "tile");
    this.item.tabIndex = -1;
    this.item.dataset.id = id;
    const article = make("article", "", this.item);
    this.article = article;
    const head = make("header", "", article);
    this.bed = make("b", "bed", head);
    this.name = make("span", "name", head);
    const mark = make("span", "mark", head);
    this.icon = icon(mark);
    this.wait = make("span", "wait", mark);
    this.strip = make("p", "strip", article);
    this.stripWord = make("b", "", this.strip);
    this.stripCause = make("span", "cause", this.strip);
    this.stripWho = make("span", "who", this.strip);
    const body = make("div", "body", article);
    this.vitals = make("div", "vitals", body);
    this.cells = CELLS.map((vitals) => this.cell(vitals));
    const foot = make("div", "foot", this.vitals);
    this.temperature = make("span", "temperature", foot);
    const score = make("span", "score", foot);
    this.scoreWord = make("span", "", score);
    this.chip = make("b", "chip", score);
    this.trend = sparkline(this.vitals, "trend");
    this.last = make("p", "last", this.vitals);
    this.hero(make("div", "hero", body));
  }

  cell(vitals) {
    const cell = make("div", `cell ${VITALS[vitals[0]].css}`, this.vitals);
    const head = make("p", "head", cell);
    make("b", "label", head, vitals.length > 1 ? "BP" : VITALS[vitals[0]].short);
    if (vitals.length === 1) make("span", "unit", head, VITALS[vitals[0]].unit);
    const limits = make("span", "limits", head);
    const old = make("span", "age", head);
    return { vitals, cell, limits, old, number: make("p", "number", cell) };
  }

  hero(parent) {
    const head = make("p", "head", parent);
    this.heroLabel = make("span", "", head);
    this.heroChange = make("span", "", head);
    this.heroNumber = make("p", "number", parent);
    this.heroTrend = sparkline(parent, "trend");
  }

  update(tile, group, { wide, trend, change, now, blank }) {
    const top = tile.alerts[0];
    this.item.dataset.group = Object.keys(GROUP).find((name) => GROUP[name] === group);
    this.item.classList.toggle("wide", wide);
    const offline = tile.alerts.some((alert) => alert.condition === "device.offline");
    const silent = tile.alerts.some((alert) => alert.condition === "device.silent");
    this.item.classList.toggle("hatched", offline || silent);
    this.item.classList.toggle("offline", offline);
    write(this.bed, place(tile));
    write(this.name, tile.label ?? tile.patient);
    this.head(tile, top, group, now);
    const spoken = this.cells.map((cell) => this.fill(cell, tile, { now, offline, blank })).filter(Boolean);
    this.foot(tile, { now, offline, blank, change });
    this.draw(tile, top, trend ?? {}, wide);
    write(this.last, offline ? this.lastKnown(tile) : "");
    const what = top ? `${top.priority}: ${cause(top)}, waiting ${waited(now - Date.parse(top.onset))}` : "no alert";
    const label = `Bed ${place(tile)}, ${tile.label ?? tile.patient}. ${what}. ${spoken.join(", ")}`;
    if (this.article.getAttribute("aria-label") !== label) this.article.setAttribute("aria-label", label);
  }

  head(tile, top, group, now) {
    const shown = top && group !== GROUP.watch && group !== GROUP.calm ? top : null;
    this.icon.setAttribute("href", shown ? `#${shape(shown)}` : "");
    write(this.wait, shown ? waited(now - Date.parse(shown.onset)) : "");
    this.strip.dataset.priority = !shown ? "none" : inHand(shown) || silenced(shown) ? "quiet" : technical(shown) && shown.priority !== "high" ? "low" : shown.priority;
    const { words, why, who } = this.stripText(tile, shown, group);
    [[this.stripWord, words], [this.stripCause, why], [this.stripWho, who]].forEach(([element, text]) => write(element, text));
  }

  stripText(tile, top, group) {
    if (group === GROUP.watch) return { words: "NEWS2 rising", why: "", who: "no alert" };
    if (!top) {
      const notes = [tile.class === "adult" ? "" : tile.class, tile.vitals.supplemental_oxygen?.value ? "oxygen" : "", tile.own_limits ? "own limits" : "", tile.simulated ? "simulated" : ""];
      return { words: "", why: notes.filter(Boolean).join(" · "), who: "" };
    }
    const more = tile.alerts.filter((alert) => alert.priority !== "info").length - 1;
    const state = { acknowledged: "acknowledged", "audio-paused": "audio paused", "audio-off": "audio off", "alert-paused": "alerts paused", "alert-off": "alerts off", latched: "latched" }[top.signal];
    const who = [more > 0 ? `+${more} more` : "", state ?? (top.priority === "high" ? "nobody yet" : "")].filter(Boolean).join(" · ");
    const why = cause(top, "short");
    if (silenced(top)) return { words: top.signal === "alert-off" ? "ALERTS OFF" : "ALERTS PAUSED", why, who };
    return { words: inHand(top) ? "" : word(top), why, who };
  }

  // One cell; answers what a screen reader says of it.
  fill({ vitals, cell, limits, old, number }, tile, { now, offline, blank }) {
    const names = vitals[0] === "heart_rate" && !tile.vitals.heart_rate && tile.vitals.pulse_rate ? ["pulse_rate"] : vitals;
    const values = names.map((name) => tile.vitals[name]);
    const first = values[0];
    const limit = tile.limits[vitals[0]];
    const range = limit && (limit.high === null ? (limit.low === null ? "" : `≥${limit.low}`) : limit.low === null ? `≤${limit.high}` : `${limit.low}–${limit.high}`);
    write(limits, range ?? "");
    const missing = tile.missing.includes(names[0]);
    const ageMs = first ? now - first.at : 0;
    const spot = SPOT.has(names[0]);
    const isOld = !!first && !spot && ageMs > OLD_AFTER;
    const gone = !first || offline || blank || (missing && !tile.alerts.some((alert) => alert.condition === "device.silent"));
    cell.classList.toggle("old", !gone && (isOld || missing));
    cell.classList.toggle("gone", gone);
    write(old, gone || (!spot && !isOld && !missing) ? "" : age(ageMs));
    number.classList.toggle("long", !gone && values.length > 1 && values.every((value) => value?.value >= 100 || value?.value < 10));
    write(number, gone ? "– –" : values.map((value) => (value ? String(value.value) : "–")).join("/"));
    const about = tile.alerts.find((alert) => names.concat(vitals).includes(vitalOf(alert.condition)) && alert.kind === "physiological");
    cell.dataset.alert = !about ? "" : inHand(about) || silenced(about) ? "quiet" : about.priority;
    if (gone) return `${VITALS[vitals[0]].name} not measured`;
    return `${vitals.length > 1 ? "Blood pressure" : VITALS[names[0]].name} ${number.textContent}${isOld || spot ? `, ${ageInFull(ageMs)}` : ""}`;
  }

  foot(tile, { now, offline, blank, change }) {
    const temperature = tile.vitals.temperature;
    write(this.temperature, temperature && !offline && !blank ? `${Number(temperature.value).toFixed(1)} °C` : "– – °C");
    const score = tile.scores.news2;
    const known = score && !score.excluded && score.at_least !== null;
    const arrow = change === null || !known ? "" : change > 0 ? ` ↑${change}` : change < 0 ? ` ↓${-change}` : " →";
    write(this.scoreWord, score?.excluded ? "" : `NEWS2${arrow}`);
    const partial = known && !score.complete;
    const text = score?.excluded ? "" : !known || blank ? "?" : partial ? `${score.at_least}–${score.at_most}` : String(score.total);
    write(this.chip, text);
    const total = known ? score.at_least : 0;
    const single = known && Object.values(score.parts).some((points) => points === 3);
    this.chip.dataset.risk = total >= 7 ? "high" : total >= 5 || single ? "medium" : "low";
    this.chip.classList.toggle("partial", !!partial || !known);
    this.chip.title = score?.missing?.length ? `not known: ${score.missing.join(", ")}` : "";
  }

  draw(tile, top, trend, wide) {
    const vital = top && trend[vitalOf(top.condition)] ? vitalOf(top.condition) : trend.heart_rate ? "heart_rate" : "pulse_rate";
    const points = trend[vital] ?? [];
    const limit = top && vitalOf(top.condition) === vital ? top.limit : null;
    draw(wide ? this.heroTrend : this.trend, points, limit, VITALS[vital].css);
    if (!wide) return;
    write(this.heroLabel, `${VITALS[vital].name} ${VITALS[vital].unit}`);
    const values = points.filter((value) => value !== null);
    const value = tile.vitals[vital]?.value ?? top.value;
    const moved = values.length > 1 ? Math.round(value - values[0]) : 0;
    const minutes = Math.round((points.length * trend.step_ms) / 60_000);
    write(this.heroChange, moved === 0 || minutes === 0 ? "" : `${moved > 0 ? "↑" : "↓"} ${Math.abs(moved)} in ${minutes} min`);
    this.heroNumber.classList.toggle("long", String(value).length > 2);
    write(this.heroNumber, value === null || value === undefined ? "– –" : String(value));
  }

  lastKnown(tile) {
    const known = ["heart_rate", "oxygen_saturation"].filter((name) => tile.vitals[name]);
    const newest = Math.max(...known.map((name) => tile.vitals[name].at));
    if (!known.length) return "";
    const time = new Date(newest).toTimeString().slice(0, 5);
    return `last ${time} · ${known.map((name) => `${VITALS[name].short} ${tile.vitals[name].value}`).join(" · ")}`;
  }
}

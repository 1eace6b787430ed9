// The central station: wires the live stream to tiles, list, counters, sound and keys.

import { Keys } from "./keys.js";
import { Order } from "./order.js";
import { GROUP, Patients } from "./patients.js";
import { Rail } from "./rail.js";
import { Sound } from "./sound.js";
import { Stream } from "./stream.js";
import { Tile } from "./tile.js";
import { cause, clockTime, inHand, place, silenced, waited } from "./words.js";

const $ = (id) => document.getElementById(id);
const patients = new Patients();
const order = new Order(patients);
const tiles = new Map();
const grid = $("grid");
const rail = new Rail($("alerts"), $("none"), $("counters"), (id) => keys.focus(tiles.get(id)?.item));
const sound = new Sound($("sound"), $("sound-word"));
const units = new Set();
const announced = new Map();
let lostBefore = null;
let saidAt = 0;
let ready = false;

const wanted = new URLSearchParams(location.search).get("unit") ?? "";
const stream = new Stream(wanted, {
  onSnapshot: (data) => { patients.snapshot(data); ready = true; draw(); },
  onChanges: (data) => { patients.changes(data); draw(); },
  onBeat: (heartbeat) => patients.beat(heartbeat),
});
const keys = new Keys({ grid, find: $("find"), findText: $("find-text"), help: $("help"), unit: $("unit"), sound: $("sound"), single: $("keys-on"), patients });

function draw() {
  const now = Date.now();
  const lost = stream.state();
  const { ids, waiting } = order.update(now);
  arrange(ids);
  for (const id of ids) {
    const data = patients.tiles.get(id);
    if (data) tiles.get(id).update(data, order.groupOf(id), { wide: wide.has(id), trend: patients.trends.get(id), change: patients.scoreChange(id), now: patients.now(), blank: lost?.blank ?? false });
  }
  rail.update(patients, order, patients.now());
  $("waiting").hidden = waiting === 0;
  $("waiting").textContent = waiting === 1 ? "1 move waiting" : `${waiting} moves waiting`;
  offerUnits();
  say(now);
  title();
}

let wide = new Set();

// Puts tiles where they belong; a tile that moved keeps an outline for two seconds.
function arrange(ids) {
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const high = ids.filter((id) => order.groupOf(id) === GROUP.high);
  wide = new Set(innerWidth >= 700 ? high.slice(0, Math.floor(columns / 2)) : []);
  grid.classList.toggle("dense", ids.length > 28 && innerWidth >= 1280);
  for (const [id, tile] of tiles) {
    if (!patients.tiles.has(id)) { tile.item.remove(); tiles.delete(id); }
  }
  ids.filter((id) => patients.tiles.has(id)).forEach((id, at) => {
    let tile = tiles.get(id);
    const isNew = !tile;
    if (isNew) tiles.set(id, (tile = new Tile(id)));
    if (grid.children[at] === tile.item) return;
    const focused = document.activeElement === tile.item;
    grid.insertBefore(tile.item, grid.children[at] ?? null);
    if (focused) tile.item.focus();
    if (!isNew) { tile.item.classList.add("moved"); setTimeout(() => tile.item.classList.remove("moved"), 2000); }
  });
  if (!grid.querySelector('[tabindex="0"]') && grid.firstElementChild) grid.firstElementChild.tabIndex = 0;
  $("empty").hidden = ids.length > 0 || !ready;
  $("empty").textContent = "Nobody is here yet. A reading on vitals/UNIT/PATIENT, or a record on patients/UNIT/PATIENT, admits.";
}

function offerUnits() {
  for (const { unit } of patients.tiles.values()) {
    if (units.has(unit)) continue;
    units.add(unit);
    const option = new Option(unit, unit);
    const after = [...$("unit").options].slice(1).find((other) => other.value > unit);
    $("unit").add(option, after ?? null);
  }
  if (wanted && !units.has(wanted)) { units.add(wanted); $("unit").add(new Option(wanted, wanted)); }
  $("unit").value = stream.unit;
}

// One sentence for whoever listens to the page, at most one in five seconds; what is high first.
function say(now) {
  const open = [...patients.tiles.values()].flatMap((tile) => tile.alerts.map((alert) => ({ tile, alert })));
  const fresh = open.filter(({ alert }) => ["high", "medium"].includes(alert.priority) && announced.get(alert.id) !== alert.priority);
  if (now - saidAt < 5000 || fresh.length === 0) return;
  const { tile, alert } = fresh.find(({ alert }) => alert.priority === "high") ?? fresh[0];
  $(alert.priority === "high" ? "say-high" : "say-medium").textContent = `Bed ${place(tile)}: ${alert.priority}, ${cause(alert)}`;
  announced.set(alert.id, alert.priority);
  saidAt = now;
  const known = new Set(open.map(({ alert }) => alert.id));
  for (const id of announced.keys()) if (!known.has(id)) announced.delete(id);
}

function unanswered(priority) {
  return [...patients.tiles.values()].filter((tile) => tile.alerts.some((alert) => alert.priority === priority && !inHand(alert) && !silenced(alert)));
}

function title() {
  const [high, medium] = [unanswered("high"), unanswered("medium")];
  const count = high.length ? `(${high.length} HIGH) ` : medium.length ? `(${medium.length} MED) ` : "";
  const text = `${count}${stream.unit || "WardWatch"}`;
  if (document.title !== text) document.title = text;
}

// Twice a second by the page's own clock: if it stops, the page is dead.
function tick() {
  const lost = stream.state();
  document.body.classList.toggle("is-lost", !!lost);
  $("lost").hidden = !lost;
  if (lost) {
    lostBefore ??= Date.now();
    $("lost-what").textContent = lost.what;
    $("lost-do").textContent = lost.todo;
    $("lost-age").textContent = waited(lost.age ?? Date.now() - lostBefore);
  } else if (lostBefore) {
    $("back").textContent = `Back at ${clockTime(Date.now())}, gap ${waited(Date.now() - lostBefore)}`;
    $("back").hidden = false;
    setTimeout(() => ($("back").hidden = true), 10_000);
    lostBefore = null;
  }
  const beat = stream.heartbeat;
  const silent = (performance.now() - stream.heard) / 1000;
  $("link-word").textContent = lost ? "Not live" : !beat ? "Connecting" : beat.status === "online" ? "Live" : beat.store === "lost" ? "Store lost" : "Degraded";
  $("link-age").textContent = beat ? `data ${silent.toFixed(1)} s old` : "";
  const time = clockTime(Date.now());
  $("clock").firstElementChild.textContent = time.slice(0, 5);
  $("clock").lastElementChild.textContent = time.slice(5);
  if (ready) draw();
  sound.tick(unanswered("high").length ? "high" : unanswered("medium").length ? "medium" : null, Date.now());
}

let still = null;
const hold = () => {
  order.hold(Date.now());
  clearTimeout(still);
  still = setTimeout(() => order.release(), 2000);
};
["pointermove", "pointerdown", "focusin"].forEach((name) => grid.addEventListener(name, hold));
$("retry").addEventListener("click", () => stream.open());
$("unit").addEventListener("change", () => {
  const unit = $("unit").value;
  history.replaceState(null, "", unit ? `?unit=${encodeURIComponent(unit)}` : location.pathname);
  [patients.tiles, patients.trends, patients.scores].forEach((map) => map.clear());
  stream.choose(unit);
});

function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = name === "dark" ? "Light" : "Dark";
  localStorage.setItem("theme", name);
}
$("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
theme(localStorage.getItem("theme") ?? "dark");
// All frames flash on one clock.
document.documentElement.style.setProperty("--phase", `${-(Date.now() % 10_000)}ms`);
setInterval(tick, 500);
tick();

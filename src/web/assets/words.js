// How values, times and conditions are put in words: the same on tiles, in the list and for screen readers.

export const VITALS = {
  heart_rate: { short: "HR", name: "Heart rate", unit: "/min", css: "hr" },
  pulse_rate: { short: "PR", name: "Pulse rate", unit: "/min", css: "hr" },
  oxygen_saturation: { short: "SpO₂", name: "SpO₂", unit: "%", css: "spo2" },
  respiratory_rate: { short: "RR", name: "Resp", unit: "/min", css: "rr" },
  systolic_pressure: { short: "Sys", name: "Systolic", unit: "mmHg", css: "bp" },
  diastolic_pressure: { short: "Dia", name: "Diastolic", unit: "mmHg", css: "bp" },
  mean_pressure: { short: "MAP", name: "Mean", unit: "mmHg", css: "bp" },
  temperature: { short: "T", name: "Temperature", unit: "°C", css: "temp" },
  etco2: { short: "etCO₂", name: "etCO₂", unit: "mmHg", css: "co2" },
};

// m:ss below an hour, then 1 h 05.
export function waited(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  const hours = Math.floor(seconds / 3600);
  return hours < 48 ? `${hours} h ${two(Math.floor(seconds / 60) % 60)}` : `${Math.floor(hours / 24)} d`;
}

// How old a value is, as short as it can be said: 72s, 5m, 3h.
export function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}

// The same for a screen reader.
export function ageInFull(ms) {
  const text = age(ms);
  const units = { s: "seconds", m: "minutes", h: "hours" };
  return `${text.slice(0, -1)} ${units[text.slice(-1)]} old`;
}

// Where somebody is: room and bed, else the patient's number.
export function place(tile) {
  const where = [tile.room, tile.bed].filter(Boolean).join(" ");
  return where || tile.patient;
}

export function clockTime(ms) {
  const date = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function vitalOf(condition) {
  const [name] = condition.split(".");
  return VITALS[name] ? name : null;
}

// One short line: the cause first. A tile has room for the short name alone.
export function cause(alert, name = "name") {
  const vital = vitalOf(alert.condition);
  const sign = alert.condition.endsWith(".low") ? "<" : ">";
  if (vital && alert.value !== null && alert.limit !== null && !alert.condition.endsWith(".missing")) {
    return `${VITALS[vital][name]} ${alert.value} ${sign} ${alert.limit}`;
  }
  if (alert.condition === "news2.risk" && alert.value !== null) return `NEWS2 ${alert.value}`;
  if (alert.condition === "device.offline") return "Device offline";
  if (alert.condition === "device.silent") return "Device silent";
  if (alert.condition.endsWith(".missing")) return `${VITALS[vital]?.[name] ?? vital} not measured`;
  return alert.message;
}

export const technical = (alert) => alert.kind === "technical";

export const PRIORITY = { high: 3, medium: 2, low: 1, info: 0 };

// Whether somebody has taken it, or it was silenced: quiet until that ends.
export const inHand = (alert) => ["acknowledged", "audio-paused", "audio-off"].includes(alert.signal);

export const silenced = (alert) => ["alert-paused", "alert-off"].includes(alert.signal);

export function shape(alert) {
  if (alert.signal === "acknowledged") return "acknowledged";
  if (inHand(alert) || silenced(alert)) return "paused";
  if (alert.condition === "device.offline") return "offline";
  if (alert.condition === "device.silent") return "stale";
  if (technical(alert)) return "technical";
  return alert.priority === "info" ? "low" : alert.priority;
}

export function word(alert) {
  if (technical(alert) && alert.priority !== "high") return "TECH";
  return alert.priority.toUpperCase();
}

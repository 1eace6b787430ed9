// The keyboard: a roving focus in the grid, and single keys that can be switched off.

export class Keys {
  constructor({ grid, find, findText, help, unit, sound, single, patients }) {
    Object.assign(this, { grid, find, findText, help, unit, sound, single, patients });
    single.checked = localStorage.getItem("single-keys") !== "off";
    single.addEventListener("change", () => localStorage.setItem("single-keys", single.checked ? "on" : "off"));
    document.addEventListener("keydown", (event) => this.press(event));
    find.addEventListener("close", () => this.seek(findText.value.trim().toLowerCase()));
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns(), ArrowUp: -this.columns() }[event.key];
    const single = { j: () => this.move(1), k: () => this.move(-1), "/": () => this.ask(), u: () => this.unit.focus(), s: () => this.sound.click(), "?": () => this.help.showModal() }[event.key];
    if (step && this.grid.contains(document.activeElement)) this.move(step);
    else if (single && this.single.checked && !document.querySelector("dialog[open]")) single();
    else return;
    event.preventDefault();
  }

  columns() {
    const [first] = this.grid.children;
    if (!first) return 1;
    return Math.max(1, [...this.grid.children].filter((item) => item.offsetTop === first.offsetTop).length);
  }

  move(step) {
    const items = [...this.grid.children];
    const at = items.indexOf(document.activeElement);
    const next = at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + step));
    this.focus(items[next]);
  }

  focus(item) {
    if (!item) return;
    this.grid.querySelectorAll('[tabindex="0"]').forEach((other) => (other.tabIndex = -1));
    item.tabIndex = 0;
    item.focus();
    item.scrollIntoView({ block: "nearest" });
  }

  ask() {
    this.findText.value = "";
    this.find.showModal();
  }

  seek(text) {
    if (!text) return;
    const found = [...this.grid.children].find((item) => {
      const tile = this.patients.tiles.get(item.dataset.id);
      return tile && [tile.bed, `${tile.room ?? ""} ${tile.bed ?? ""}`.trim(), tile.patient, tile.label].some((name) => name?.toLowerCase().startsWith(text));
    });
    this.focus(found);
  }
}

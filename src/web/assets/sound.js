// A tone by priority, only after somebody switched it on: browsers demand a click, and a ward its peace.

const PATTERN = { high: [880, 880, 880, 1175, 1175], medium: [660, 660, 660], low: [440] };
const EVERY = { high: 5_000, medium: 12_000, low: 25_000 };

export class Sound {
  constructor(button, label) {
    Object.assign(this, { button, label, context: null, last: 0 });
    button.addEventListener("click", () => this.toggle());
  }

  async toggle() {
    if (this.context) {
      await this.context.close();
      this.context = null;
      return this.say("Sound off", false);
    }
    try {
      this.context = new AudioContext();
      await this.context.resume();
      this.say(this.context.state === "running" ? "Sound on" : "Sound blocked", this.context.state === "running");
    } catch {
      this.context = null;
      this.say("Sound blocked", false);
    }
  }

  say(text, on) {
    this.label.textContent = text;
    this.button.setAttribute("aria-pressed", String(on));
  }

  // Sounds the highest priority that nobody has answered, at its pace.
  tick(priority, now) {
    if (!this.context || !priority || now - this.last < EVERY[priority]) return;
    this.last = now;
    PATTERN[priority].forEach((pitch, at) => this.tone(pitch, this.context.currentTime + at * 0.22));
  }

  tone(pitch, at) {
    const [tone, volume] = [this.context.createOscillator(), this.context.createGain()];
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.2, at + 0.02);
    volume.gain.linearRampToValueAtTime(0, at + 0.17);
    tone.connect(volume).connect(this.context.destination);
    tone.start(at);
    tone.stop(at + 0.18);
  }
}

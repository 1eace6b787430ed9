// The live stream, and the honest word when it is gone: a frozen page must never look alive.

// A page that got nothing for so long says so.
const LOST_AFTER = 5_000;
// A number that old says nothing any more.
const BLANK_AFTER = 60_000;

export class Stream {
  constructor(unit, { onSnapshot, onChanges, onBeat }) {
    Object.assign(this, { unit, onSnapshot, onChanges, onBeat });
    this.heard = performance.now();
    this.heartbeat = null;
    this.lostSince = null;
    this.open();
  }

  open() {
    this.source?.close();
    const source = new EventSource(`/api/v1/live${this.unit ? `?unit=${encodeURIComponent(this.unit)}` : ""}`);
    const on = (name, then) => source.addEventListener(name, (event) => {
      this.heard = performance.now();
      then(JSON.parse(event.data));
    });
    on("snapshot", this.onSnapshot);
    on("changes", this.onChanges);
    on("beat", (heartbeat) => {
      this.heartbeat = heartbeat;
      this.onBeat(heartbeat);
    });
    on("reload", () => this.open());
    this.source = source;
    this.opened = performance.now();
  }

  // A unit was chosen.
  choose(unit) {
    this.unit = unit;
    this.open();
  }

  // What is lost now, by this page's own clock; none where all is well.
  state() {
    const silent = performance.now() - this.heard;
    const beat = this.heartbeat;
    if (silent >= LOST_AFTER) {
      // The browser gives up on some failures for good.
      if (this.source.readyState === EventSource.CLOSED && performance.now() - this.opened > LOST_AFTER) this.open();
      return { what: "No connection to WardWatch", todo: "Go to the bedside monitors. Check the network and the server.", age: silent, blank: silent > BLANK_AFTER };
    }
    if (beat && beat.ingest === "lost") {
      return { what: "WardWatch has lost the broker: nothing is being judged", todo: "Go to the bedside monitors. Check the MQTT broker.", age: null, blank: false };
    }
    return null;
  }
}

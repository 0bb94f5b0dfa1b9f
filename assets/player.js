// A hand on a recording's time: play, pause, speed, and a slider over its steps.

import { make } from "./dom.js";

const MAX_LEAD_MS = 1000; // before the first step: a request may have waited long for it
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];

export class Player {
  // `show(number)` is told how many steps to show, from 0 to all of them.
  constructor(root, show) {
    this.root = root;
    this.show = show;
    this.times = [];
    this.at = 0;
    this.frame = null;
    this.button = make("button", "e3-play", "", { type: "button" });
    this.slider = make("input", "e3-slider", "", { type: "range", min: 0, step: 1, "aria-label": "Steps shown" });
    this.speed = make("select", "e3-speed", "", { "aria-label": "Speed" });
    for (const speed of SPEEDS) this.speed.add(new Option(`${speed}×`, speed, speed === 1, speed === 1));
    this.label = make("span", "e3-at");
    root.replaceChildren(this.button, this.slider, this.speed, this.label);
    this.button.addEventListener("click", () => this.toggle());
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    this.speed.addEventListener("change", () => this.playing && this.play());
    this.tell();
  }

  get playing() {
    return this.frame !== null;
  }

  // `times`: when each step was done, in ms, of a request that began at `began`. All are shown until somebody plays.
  load(times, began = 0) {
    this.pause();
    const lead = Math.min(times[0] - began, MAX_LEAD_MS);
    this.times = times.map((time) => time - times[0] + lead);
    this.root.hidden = !times.length;
    this.slider.max = times.length;
    this.seek(times.length);
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.at === this.times.length) this.move(0);
    return this.play();
  }

  play() {
    this.pause();
    const began = performance.now();
    const from = this.times[this.at - 1] ?? 0;
    const tick = (now) => {
      const reached = from + (now - began) * Number(this.speed.value);
      let to = this.at;
      while (to < this.times.length && this.times[to] <= reached) to += 1;
      if (to !== this.at) this.move(to);
      this.frame = to < this.times.length ? requestAnimationFrame(tick) : null;
      this.tell();
    };
    this.frame = requestAnimationFrame(tick);
    this.tell();
  }

  pause() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    this.tell();
  }

  seek(number) {
    this.pause();
    this.move(number);
  }

  move(number) {
    this.at = number;
    this.show(number);
    this.tell();
  }

  tell() {
    this.button.textContent = this.playing ? "❚❚ Pause" : "▶ Play";
    this.slider.value = this.at;
    this.label.textContent = `step ${this.at} of ${this.times.length}`;
  }
}

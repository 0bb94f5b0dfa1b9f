// The model picker: what can be loaded, what that costs, and loading it after a second click.

import { ask } from "./server.js";

export function modelUrl(routes, name) {
  return `${routes}engine/models/${encodeURIComponent(name)}`;
}

// Throws with the server's words where it does not load it.
export function load(routes, name) {
  return ask(modelUrl(routes, name), { method: "POST" });
}

export class ModelPicker {
  constructor(bar, routes) {
    this.routes = routes;
    this.find = (name) => bar.querySelector(`.e3-${name}`);
    this.select = this.find("models");
    this.select.addEventListener("change", () => this.ask());
    this.find("load").addEventListener("click", () => this.load());
    this.find("keep").addEventListener("click", () => this.keep());
  }

  // What the server says now; a choice that is being thought about stays.
  update(models, current, loading) {
    this.find("pick").hidden = models.length < 2;
    this.select.disabled = loading;
    if (this.select.options.length !== models.length) {
      this.select.replaceChildren(...models.map(({ name, label }) => new Option(label, name)));
    }
    const moved = this.current !== current;
    this.current = current;
    if (loading || moved) this.keep();
  }

  async ask() {
    const name = this.select.value;
    if (name === this.current) return this.keep();
    const { cost } = await ask(modelUrl(this.routes, name)).catch(({ message }) => ({ cost: message }));
    if (this.select.value !== name) return undefined;
    this.find("switch-text").textContent = cost;
    this.find("load").textContent = `Load ${name}`;
    this.find("keep").textContent = `Keep ${this.current}`;
    this.find("switch").hidden = false;
    return undefined;
  }

  keep() {
    if (this.find("switch").contains(document.activeElement)) this.select.focus();
    this.find("switch").hidden = true;
    this.select.value = this.current;
  }

  async load() {
    try {
      await load(this.routes, this.select.value);
    } catch (error) {
      this.find("switch-text").textContent = error.message;
    }
  }
}

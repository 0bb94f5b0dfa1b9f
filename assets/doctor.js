// What the doctor says of the loaded pair's files: one line that opens, the worst first.

import { make } from "./dom.js";
import { ask } from "./server.js";

const VERDICTS = { wrong: "✗", risk: "!", unknown: "?", fine: "✓" };

export class Doctor {
  constructor(bar, routes) {
    this.url = `${routes}engine/doctor`;
    this.panel = bar.querySelector(".e3-doctor");
    this.sum = bar.querySelector(".e3-doctor-sum");
    this.list = bar.querySelector(".e3-findings");
  }

  // What it said was of a pair that is not loaded any more.
  hide() {
    this.model = null;
    this.panel.hidden = true;
  }

  // Of the pair with this name, which is loaded; asked for once, or until there is an answer.
  async show(model) {
    if (this.model === model) return;
    this.model = model;
    const findings = await ask(this.url).catch(() => null);
    if (this.model !== model) return;
    if (!findings) return this.hide();
    this.panel.hidden = !findings.length;
    const of = (verdict) => findings.filter((finding) => finding.verdict === verdict);
    this.panel.dataset.worst = Object.keys(VERDICTS).find((verdict) => of(verdict).length) ?? "";
    this.sum.textContent = `Doctor: ${of("wrong").length} wrong, ${of("risk").length} at risk, ${of("unknown").length} unknown, ${of("fine").length} fine`;
    this.list.replaceChildren(...Object.keys(VERDICTS).flatMap((verdict) => of(verdict).map(item)));
  }
}

function item({ verdict, check, field, consequence, fix }) {
  const line = make("li", `e3-finding ${verdict}`);
  line.append(make("span", "e3-finding-verdict", `${VERDICTS[verdict]} ${verdict}`), make("strong", "", check), make("code", "", field), make("span", "", consequence));
  if (fix) line.append(make("span", "e3-finding-fix", `Fix: ${fix}`));
  return line;
}

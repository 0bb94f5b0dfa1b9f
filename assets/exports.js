// Takes a chart out of the page, as the picture that Plotly draws of it.

const SCALE = 2; // dots per pixel of a PNG

function chartName(node) {
  return `eagle3-${node.dataset.chart}`;
}

function saving(node, format) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "e3-export";
  button.textContent = format.toUpperCase();
  button.title = `Save this chart as ${format.toUpperCase()}`;
  button.addEventListener("click", () => {
    const { clientWidth: width, clientHeight: height } = node;
    const surface = getComputedStyle(node).getPropertyValue("--e3-surface"); // its letters are this theme's
    const figure = { data: node.data, layout: { ...node.layout, paper_bgcolor: surface } };
    window.Plotly?.downloadImage(figure, { format, filename: chartName(node), width, height, scale: format === "png" ? SCALE : 1 });
  });
  return button;
}

export function offerCharts(root) {
  for (const node of root.querySelectorAll(".e3-chart")) {
    node.closest(".e3-figure").querySelector("figcaption").append(saving(node, "svg"), saving(node, "png"));
  }
}

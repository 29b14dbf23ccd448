// Saving the pictures that are shown, as one SVG or PNG file that any other program can read.

const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any CSS colour as one that every reader of SVG knows. */
function toRgb(color) {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = color;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
  return alpha ? `rgb(${red},${green},${blue})` : "none";
}

/** The pictures that are shown, side by side, each below its name, with every style written out. */
function exportSvg() {
  const shown = [...byId("views").querySelectorAll("svg")];
  const gap = 24, headingHeight = 26;
  const nameOf = (svg) => svg.closest(".view").pair.name;
  textMeasure.font = "13px sans-serif";
  const widths = shown.map((svg) => {
    return Math.max(Number(svg.getAttribute("width")), Math.ceil(textMeasure.measureText(nameOf(svg)).width) + 8);
  });
  const width = widths.reduce((sum, one) => sum + one + gap, gap);
  const height = Math.max(...shown.map((svg) => Number(svg.getAttribute("height")))) + headingHeight + 2 * gap;
  const background = toRgb(getComputedStyle(document.querySelector(".view")).backgroundColor);
  const ink = toRgb(getComputedStyle(byId("views").querySelector("h2")).color);
  const viewBox = `0 0 ${width} ${height}`;
  const whole = createSvgElement("svg", { xmlns: SVG_NAMESPACE, width, height, viewBox });
  whole.append(createSvgElement("rect", { width, height, fill: background }));
  let x = gap;
  for (const [number, svg] of shown.entries()) {
    const heading = { x, y: gap + 6, "font-family": "sans-serif", "font-size": 13, fill: ink };
    const group = createSvgElement("g", { transform: `translate(${x} ${gap + headingHeight})` });
    group.append(...copyWithStyles(svg).childNodes);
    whole.append(createSvgElement("text", heading, nameOf(svg)), group);
    x += widths[number] + gap;
  }
  return new XMLSerializer().serializeToString(whole);
}

/** A copy of a picture that needs no style sheet. */
function copyWithStyles(svg) {
  const copy = svg.cloneNode(true), originals = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((part, place) => {
    if (part.tagName === "title") return;
    const style = getComputedStyle(originals[place]);
    for (const key of ["fill", "stroke"]) part.setAttribute(key, style[key] === "none" ? "none" : toRgb(style[key]));
    for (const key of ["stroke-width", "stroke-dasharray", "stroke-opacity", "opacity"]) {
      part.setAttribute(key, style.getPropertyValue(key).replace("px", ""));
    }
    for (const key of part.tagName === "text" ? ["font-family", "font-size", "font-weight"] : []) {
      part.setAttribute(key, style.getPropertyValue(key));
    }
    for (const key of ["style", "class", "data-i", "data-j"]) part.removeAttribute(key);
  });
  return copy;
}

function savePicture(suffix) {
  const blob = new Blob([exportSvg()], { type: "image/svg+xml" });
  return suffix === "svg" ? download(blob, suffix) : savePng(blob);
}

/** Save the picture at twice its size, or at the greatest size that this browser can draw. */
async function savePng(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    const { width, height } = image;
    for (let scale = Math.min(2, Math.sqrt(MAX_PIXELS / width / height)); scale > 0.1; scale /= 2) {
      const size = { width: Math.floor(scale * width), height: Math.floor(scale * height) };
      const canvas = createElement("canvas", size);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      const png = await new Promise((resolve) => canvas.toBlob(resolve));
      if (png) return download(png, "png");  // null: too large for this browser
    }
  } catch { /* other browsers throw where it is too large */ } finally {
    URL.revokeObjectURL(image.src);
  }
  showMessage("This picture is too large for a PNG file. Save it as SVG, which has no such limit.");
}

const download = (blob, suffix) => saveAs(blob, `attention-${state.current + 1}.${suffix}`);

function saveAs(blob, name) {
  const link = createElement("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

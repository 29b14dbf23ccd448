// Constants, the state of the page, and helpers that create elements.
// page.py joins the files into one script, which sets every word as text, never as HTML.
"use strict";

const ROW_HEIGHT = 64;    // pixels of a row of the list, as in page.css
const MIN_WEIGHT = 0.03;  // attention below this is not drawn
const STRONG = 0.45;      // attention above this may need the other ink, as in page.css
const MANY_CELLS = 5000;  // a matrix with more cells than this leaves out those without attention
const MAX_PIXELS = 1e8;   // of a PNG
const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

const state = {
  page: null,             // what page.py wrote: title, languages, models, sentences
  order: [],              // indices of the sentences that match the search, in the order of the list
  range: [0, 0],          // the least and the greatest value that the list is sorted by
  current: -1,            // index of the sentence that is shown
  picture: "links",       // or "matrix"
  showsGold: true,
  isReversed: false,      // whether the list is sorted the other way round
  highlighted: null,      // the word whose attention is highlighted: {box, side, index}
  pinned: null,           // the word that was clicked, which is highlighted when no other word is
};

const byId = (id) => document.getElementById(id);
const clamp = (value, least, greatest) => Math.min(Math.max(value, least), greatest);
const splitWords = (text) => (text ? text.split(/[ \u001f]/) : []);  // the second where the text has no space
const joinWords = (text) => text.replaceAll("\u001f", "");
const formatNumber = (value) => value.toLocaleString("en");
const formatPercent = (value, digits = 0) => `${(100 * value).toFixed(digits)}%`;

function createElement(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function createSvgElement(name, attributes, text) {
  const element = document.createElementNS(SVG_NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function showMessage(...children) {
  byId("message").replaceChildren(...children);
}

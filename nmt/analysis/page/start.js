// The start of the page, when all the files before this one have been read.

async function start() {
  if (!("DecompressionStream" in window)) {
    byId("about").textContent =
      "This browser is too old to open the page: it has no DecompressionStream, which browsers have had since 2023.";
    return;
  }
  const index = await unpack(byId("index").textContent);
  state.page = JSON.parse(new TextDecoder().decode(index));
  const { title, models, source, target, units } = state.page;
  const languages = units ? `${source} (${units[0]}) → ${target} (${units[1]})` : `${source} → ${target}`;
  document.title = title;
  byId("title").textContent = title;
  byId("about").textContent = [languages, ...models].join(" · ");
  if (state.page.max_characters) startLive();
  updateMenus();
  if (state.page.review) startReview();
  for (const listen of [listenToSearch, listenToList, listenToWords, listenToControls, listenToWindow]) listen();
  updateList();
  if (!followAddress(location.hash) && state.page.sentences.length) selectSentence(state.order[0] ?? 0);
  document.documentElement.dataset.ready = "";
}

start();

"use strict";
{
  const root = document.documentElement;
  const find = id => document.getElementById(id);
  const kept = { get: () => { try { return localStorage.getItem("theme"); } catch { return null; } }, set: value => { try { localStorage.setItem("theme", value); } catch { /* Pages from disk may not keep anything. */ } } };

  const themes = ["system", "light", "dark"];
  const button = find("theme");
  const show = theme => {
    if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = "Theme: " + theme;
  };
  let theme = themes.includes(kept.get()) ? kept.get() : "system";
  show(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    show(theme);
    kept.set(theme);
  });

  const controls = find("controls"), list = find("list"), articles = list ? [...list.querySelectorAll("article")] : [];
  const texts = new Map(articles.map(article => [article, article.textContent.toLowerCase()]));
  const wrongIn = (article, system) => [...article.querySelectorAll(".result")]
    .filter(result => !system || result.dataset.system === system)
    .some(result => result.querySelector("del, ins, .failed"));
  const update = () => {
    const wanted = find("search").value.trim().toLowerCase(), order = find("order").value, system = find("system")?.value ?? "", onlyWrong = find("wrong").checked;
    let shown = 0;
    for (const article of articles) {
      for (const result of article.querySelectorAll(".result")) result.hidden = !!system ? result.dataset.system !== system : false;
      article.hidden = !texts.get(article).includes(wanted) || (onlyWrong ? !wrongIn(article, system) : false);
      if (!article.hidden) shown++;
    }
    const by = order === "id" ? (a, b) => a.dataset.id.localeCompare(b.dataset.id, undefined, { numeric: true }) : (a, b) => b.dataset[order] - a.dataset[order];
    list.append(...articles.sort(by));
    find("none").hidden = shown > 0;
    find("count").textContent = shown === articles.length ? "" : shown + " of " + articles.length;
  };
  if (controls) {
    controls.hidden = false;
    controls.addEventListener("input", update);
    controls.addEventListener("submit", event => event.preventDefault());
  }
}

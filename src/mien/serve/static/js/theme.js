// Before the page is drawn: the theme that was chosen, if one was. Not a module, so that nothing flashes.
try {
  const chosen = localStorage.getItem("mien.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // storage may be switched off; the system's theme is used
}

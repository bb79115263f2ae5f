// The palette: a dialog that goes to any page the menus of this page lead to, and searches for ids.

let places = [];

// openPalette shows it; it reports false where there is none, or another dialog is open.
export function openPalette() {
	const dialog = document.querySelector("#palette");
	if (!dialog || document.querySelector("dialog[open]")) return false;
	const field = dialog.querySelector("input");
	if (!field.dataset.ready) {
		field.dataset.ready = "1";
		field.addEventListener("input", () => show(dialog, field));
		field.addEventListener("keydown", (event) => key(event, dialog, field));
		dialog.querySelector("form").addEventListener("submit", (event) => {
			const here = dialog.querySelector("[aria-selected=true]");
			if (!here && /^(evt|att|wh)_\w+$/.test(field.value.trim())) return; // the form itself searches the log
			event.preventDefault();
			event.stopImmediatePropagation();
			here?.click();
		});
	}
	places = [...document.querySelectorAll(".nav a, .switch .menu a, .me .menu a, .tabs a, .head a.btn, .head nav a")].map((link) => ({ link, name: link.firstChild?.nodeType === 3 ? link.textContent.trim() : [...link.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("").trim() })).filter((p) => p.name);
	field.value = "";
	dialog.showModal();
	show(dialog, field);
	return true;
}

function show(dialog, field) {
	const list = dialog.querySelector("[role=listbox]"), words = field.value.trim().toLowerCase().split(/\s+/);
	const seen = new Set();
	const found = places.filter(({ link, name }) => words.every((w) => name.toLowerCase().includes(w)) && !seen.has(link.href) && seen.add(link.href)).slice(0, 12);
	list.replaceChildren(...found.map(({ link, name }, at) => {
		const option = document.createElement("a");
		option.href = link.href;
		option.id = "place-" + at;
		option.tabIndex = -1;
		option.setAttribute("role", "option");
		option.setAttribute("aria-selected", at === 0);
		const icon = link.querySelector("svg.icon");
		if (icon) option.append(icon.cloneNode(true));
		option.append(name);
		if (link.closest(".switch")) option.append(Object.assign(document.createElement("small"), { textContent: "tenant" }));
		return option;
	}));
	dialog.querySelector("p").hidden = found.length > 0;
	choose(field, list.firstElementChild);
}

function choose(field, option) {
	if (option) field.setAttribute("aria-activedescendant", option.id);
	else field.removeAttribute("aria-activedescendant");
	option?.scrollIntoView({ block: "nearest" });
}

function key(event, dialog, field) {
	const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
	if (!step) return;
	event.preventDefault();
	const options = [...dialog.querySelectorAll("[role=option]")], at = options.findIndex((o) => o.ariaSelected === "true");
	if (!options.length) return;
	options[at]?.setAttribute("aria-selected", "false");
	const next = options[(at + step + options.length) % options.length];
	next.setAttribute("aria-selected", "true");
	choose(field, next);
}

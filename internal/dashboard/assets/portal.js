// What only the pages of portals do: open a link by its key, and speak with the page around the frame. Messages go to the
// sites alone that may embed the portal, and are taken from nobody else. docs/portal.md lists them.
const $ = (selector) => document.querySelector(selector);
const about = $("meta[name=relay-portal]");
const origins = about.content.split(" ").filter(Boolean);
const embedded = parent !== window;

// open begins a session by the key of a link.
function open(key) {
	return fetch(about.dataset.enter, { method: "POST", body: new URLSearchParams({ key }) });
}

// --- Opening: the key is behind the #, which browsers send to nobody. It leaves the address before anything else happens.

async function enter(place) {
	const only = (id) => place.querySelectorAll("p").forEach((p) => (p.hidden = p.id !== id));
	const key = location.hash.slice(1);
	history.replaceState(null, "", location.pathname);
	if (!key) return only("enter-none");
	if (self.origin === "null") return only("enter-sandbox");
	only("enter-opening");
	try {
		const answer = await open(key);
		if (answer.status === 401) return only("enter-cookies"); // the page that it leads to knows nobody
		location.replace(answer.redirected && answer.ok ? answer.url : about.dataset.enter.replace(/enter$/, "ended"));
	} catch {
		only("enter-failed");
	}
}

const place = $("#enter");
if (place) {
	enter(place);
	addEventListener("hashchange", () => location.hash && enter(place)); // another link, in a frame that is here still
}

// --- The page around the frame: it says hello first, and is told heights and the end of the session from then on.

let around = "";

function tell(message) {
	if (around) parent.postMessage({ relayPortal: 1, ...message }, around);
}

// The height has room for menus that hang below the page.
function tellHeight() {
	const bottoms = [...document.querySelectorAll("details[open] > .menu")].map((menu) => menu.getBoundingClientRect().bottom + scrollY + 8);
	tell({ height: Math.ceil(Math.max(document.documentElement.getBoundingClientRect().height, ...bottoms)) });
}

const soon = 5 * 60; // seconds before the end from which a new link is asked for
let timer = 0;

function tellEnd() {
	clearTimeout(timer);
	const ends = Number(about.dataset.ends), left = ends - Date.now() / 1000;
	if ($("[data-ended]") || (ends && left <= 0)) return tell({ ended: true });
	if (!ends) return;
	if (left < soon) tell({ ending: Math.round(left) });
	timer = setTimeout(tellEnd, Math.min(left < soon ? left + 1 : left - soon + 1, 2 ** 31 / 1000) * 1000);
}

// renew puts the session of another link in the place of this one. The page stays as it is, unless the session had ended.
async function renew(key) {
	const ended = $("[data-ended]");
	try {
		const answer = await open(key);
		const ends = answer.ok && answer.redirected && /data-ends="(\d+)"/.exec(await answer.text())?.[1];
		if (!ends) return tell({ ended: true, refused: true });
		if (ended) return location.replace(ended.dataset.ended || answer.url);
		about.dataset.ends = ends;
		tell({ renewed: true });
		tellEnd();
	} catch {
		tell({ ended: Boolean(ended), refused: true });
	}
}

if (embedded) {
	document.documentElement.classList.add("embedded");
	for (const link of document.querySelectorAll("[data-renew]")) link.target = "_top"; // a site's cookies do not come along in its own frame's frame
	addEventListener("message", (event) => {
		if (event.source !== parent || !origins.includes(event.origin) || event.data?.relayPortal !== 1) return;
		if (typeof event.data.key === "string") return renew(event.data.key);
		around = event.origin;
		tellHeight();
		tellEnd();
	});
	new ResizeObserver(tellHeight).observe(document.documentElement);
	document.addEventListener("toggle", tellHeight, true);
	document.addEventListener("htmx:after:swap", tellEnd);
	addEventListener("pageshow", tellHeight);
}

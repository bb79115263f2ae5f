// <relay-portal src="LINK" refresh-url="ADDRESS"> shows a portal in a page of yours, as high as its content is, and renews
// its session. src is a link that your server has made with POST /v1/portal-links. refresh-url is an address of your server
// that answers a POST with {"url": "another link"}; without src the first link comes from there, too.
//
// The element dispatches "relay-portal-ended" when the session has ended and no new link was to be had: set src to go on.
// docs/portal.md has the messages between the element and the frame, for those who would rather have a frame of their own.
(() => {
	const start = 480; // pixels, until the frame tells its height
	const patience = 15000; // milliseconds between two tries to renew
	const tries = 20;

	class RelayPortal extends HTMLElement {
		static observedAttributes = ["src", "title"];
		#frame = document.createElement("iframe");
		#origin = "";
		#path = ""; // of the portal that is shown
		#asking = false;
		#failed = 0; // tries to renew, since the last that went well
		#timer = 0;
		#hear = (event) => this.#heard(event);

		constructor() {
			super();
			Object.assign(this.#frame.style, { display: "block", width: "100%", height: start + "px", border: "0" });
			this.#frame.allow = "clipboard-write";
			this.#frame.addEventListener("load", () => this.#loaded());
			this.attachShadow({ mode: "open" }).append(this.#frame);
		}

		connectedCallback() {
			this.style.display ||= "block";
			addEventListener("message", this.#hear);
			this.#frame.title ||= this.title || "Webhooks";
			if (this.getAttribute("src")) this.#show(this.getAttribute("src"));
			else this.#renew();
		}

		disconnectedCallback() {
			removeEventListener("message", this.#hear);
			clearTimeout(this.#timer);
			this.#frame.removeAttribute("src");
			this.#origin = "";
		}

		attributeChangedCallback(name, before, now) {
			if (name === "title") this.#frame.title = now || "Webhooks";
			else if (this.isConnected && now && before !== now) this.#show(now);
		}

		#show(link) {
			let address;
			try {
				address = new URL(link, location.href);
			} catch {
				return this.#end(new TypeError(`not the address of a portal: ${link}`));
			}
			this.#origin = address.origin;
			this.#path = address.pathname;
			this.#frame.src = address.href;
		}

		// Each page in the frame is greeted; from then on it speaks.
		#loaded() {
			if (!this.#origin) return;
			this.#frame.contentWindow.postMessage({ relayPortal: 1 }, this.#origin);
			if (this.getBoundingClientRect().top < 0) this.scrollIntoView(); // the top of the next page
		}

		#heard(event) {
			if (event.source !== this.#frame.contentWindow || event.origin !== this.#origin || event.data?.relayPortal !== 1) return;
			const { height, ending, ended, renewed, refused } = event.data;
			if (height > 0) this.#frame.style.height = Math.min(height, 100000) + "px";
			if (renewed) this.#failed = 0;
			if (refused) this.#again(new Error("the new link opens nothing"), ended);
			else if (ended || ending >= 0) this.#renew(ended);
		}

		// renew gets another link and opens it without loading the page anew, so that nothing typed into it is lost.
		async #renew(ended = true) {
			const from = this.getAttribute("refresh-url");
			if (!from) return ended && this.#end();
			if (this.#asking) return;
			this.#asking = true;
			clearTimeout(this.#timer);
			try {
				const answer = await fetch(from, { method: "POST", headers: { Accept: "application/json" } });
				if (!answer.ok) throw new Error(`${from} answered ${answer.status}`);
				const link = new URL((await answer.json()).url);
				if (link.origin === this.#origin && link.pathname === this.#path)
					this.#frame.contentWindow.postMessage({ relayPortal: 1, key: link.hash.slice(1) }, this.#origin);
				else this.#show(link.href);
			} catch (error) {
				this.#again(error, ended);
			} finally {
				this.#asking = false;
			}
		}

		#again(error, ended) {
			if (++this.#failed >= tries) return ended && this.#end(error);
			if (ended && this.#failed === 1) this.#end(error); // somebody should know at once
			clearTimeout(this.#timer);
			this.#timer = setTimeout(() => this.#renew(ended), patience);
		}

		#end(error) {
			this.dispatchEvent(new CustomEvent("relay-portal-ended", { bubbles: true, detail: { error } }));
		}
	}
	customElements.get("relay-portal") ?? customElements.define("relay-portal", RelayPortal);
})();
